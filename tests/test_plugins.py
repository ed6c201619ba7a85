"""Plugins are found by name; a broken one spoils only itself."""

import sys
import textwrap

import pytest

from seqfit import configuration, plugins
from seqfit.plugins import PluginError
from seqfit.targets import Delay


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with some entry points and one module on the path."""

    def install_distribution(name, entry_points, code=""):
        module = name.replace("-", "_")
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(textwrap.dedent(entry_points))
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        monkeypatch.syspath_prepend(tmp_path)

    before = set(sys.modules)
    yield install_distribution
    for name in set(sys.modules) - before:
        # Others, such as Numba's, can't be imported twice.
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_built_ins_are_registered_like_everybody_else():
    assert plugins.load("targets", "delay") is Delay
    assert plugins.name_of(Delay) == "delay"
    assert "gru" in plugins.names("models")
    assert {r.distribution for r in plugins.registrations("schedules")} == {"seqfit 0.1.0"}


def test_a_plugin_is_imported_when_it_is_asked_for_and_not_before(install):
    install(
        "good-plugin",
        "[seqfit.targets]\necho = good_plugin:Echo\n",
        """
        from seqfit import Target

        class Echo(Target):
            def start(self, streams):
                return None

            def transform(self, x, state):
                return x, state
        """,
    )
    assert "echo" in plugins.names("targets")
    assert plugins.load("targets", "delay") is Delay
    assert "good_plugin" not in sys.modules
    echo = plugins.load("targets", "echo")
    assert plugins.name_of(echo) == "echo"


@pytest.mark.parametrize(
    ("code", "entry", "message"),
    [
        ("raise RuntimeError('no licence')", "x", "RuntimeError: no licence"),
        ("import sys; sys.exit(3)", "x", "SystemExit: 3"),
        ("import not_installed_anywhere", "x", "No module named 'not_installed_anywhere'"),
        ("def broken(:", "x", "SyntaxError"),
        ("y = 1", "x", "has no attribute 'x'"),
        ("class x: pass", "x", "is not a subclass of seqfit's Target"),
        ("x = 3", "x", "is not a subclass of seqfit's Target"),
    ],
)
def test_a_broken_plugin_is_named_with_its_reason_and_spoils_only_itself(
    install, code, entry, message
):
    install("bad-plugin", f"[seqfit.targets]\nbad = bad_plugin:{entry}\n", code)
    with pytest.raises(PluginError, match="the target 'bad' of bad-plugin 1.0") as caught:
        plugins.load("targets", "bad")
    assert message in str(caught.value)
    assert plugins.load("targets", "delay") is Delay
    assert plugins.name_of(Delay) == "delay"


def test_two_plugins_with_one_name_are_both_named(install):
    install("first-plugin", "[seqfit.targets]\ntwice = first_plugin:X\n")
    install("second-plugin", "[seqfit.targets]\ntwice = second_plugin:X\n")
    with pytest.raises(PluginError, match=r"first-plugin 1.0 .* and second-plugin 1.0"):
        plugins.load("targets", "twice")
    assert plugins.load("targets", "delay") is Delay


def test_a_plugin_that_takes_a_built_in_name_clashes_with_seqfit(install):
    install("greedy-plugin", "[seqfit.targets]\ndelay = greedy_plugin:X\n")
    with pytest.raises(PluginError, match=r"claimed by greedy-plugin 1.0 .* and seqfit 0.1.0"):
        plugins.load("targets", "delay")
    assert plugins.load("targets", "delay@seqfit") is Delay
    assert plugins.name_of(Delay) == "delay@seqfit"
    assert configuration.from_data("targets", configuration.to_data(Delay(3))) == Delay(3)


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_an_unknown_name_suggests_the_nearest(kind):
    name = plugins.names(kind)[0]
    with pytest.raises(PluginError, match=f"did you mean '{name}'"):
        plugins.load(kind, name[:-1] + "zz" if len(name) > 4 else name + "z")
