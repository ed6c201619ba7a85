"""Packages of one's own: written, installed, and checked by their laws."""

import subprocess
import sys
import sysconfig
import textwrap
import venv

import pytest

from seqfit import plugins
from seqfit.cli import main

KINDS = [kind[:-1] for kind in plugins.KINDS]


@pytest.fixture
def seqfit(tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder; gives its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        return end.value.code or 0, "".join(capsys.readouterr())

    return run


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Put a module with a target on the path, as an installed distribution has it."""
    before = set(sys.modules)

    def install(code):
        info = tmp_path / "own_plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-plugin\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[seqfit.targets]\nown = own_plugin:own\n")
        (tmp_path / "own_plugin.py").write_text(textwrap.dedent(code))
        monkeypatch.syspath_prepend(tmp_path)

    yield install
    for name in set(sys.modules) - before:
        # Others, such as Numba's, can't be imported twice.
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.slow
def test_new_packages_install_and_pass_their_tests_as_they_are(tmp_path, seqfit):
    for kind in KINDS:
        assert seqfit("new", kind, f"own_{kind}")[0] == 0
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"

    def run(*command):
        done = subprocess.run(
            [python, *command], cwd=tmp_path, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # The new environment sees what this one has, seqfit too, so nothing has to be fetched.
    found = run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    (tmp_path / found / "outer.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    )
    packages = [f"./seqfit-own-{kind}" for kind in KINDS]
    pip = ("-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation")
    run(*pip, *packages)
    run("-m", "pytest", "-q", "-W", "error", "--import-mode=importlib", *packages)
    listed = run("-m", "seqfit", "list", "--names").splitlines()
    assert {f"{kind}s own_{kind}" for kind in KINDS} <= set(listed)
    assert "all laws hold" in run("-m", "seqfit", "check", "own_target", "--examples", "3")


def test_a_new_package_is_where_it_is_said_to_be(tmp_path, seqfit):
    code, said = seqfit("new", "target", "own_target", "--into", "some/where")
    assert code == 0
    folder = tmp_path / "some" / "where" / "seqfit-own-target"
    assert "cd some/where/seqfit-own-target" in said
    assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == {
        "README.md",
        "pyproject.toml",
        "src/seqfit_own_target/__init__.py",
        "src/seqfit_own_target/own_target.py",
        "tests/test_laws.py",
    }
    assert [path.name for path in folder.parent.iterdir()] == ["seqfit-own-target"]
    assert 'own_target = "seqfit_own_target:OwnTarget"' in (folder / "pyproject.toml").read_text()


def test_nothing_is_written_over(tmp_path, seqfit):
    (tmp_path / "seqfit-own").mkdir()
    code, said = seqfit("new", "signal", "own")
    assert code == 2
    assert "error: seqfit-own exists; nothing was written, choose another name or --into" in said
    assert list((tmp_path / "seqfit-own").iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("target", "My-Target", "such as 'my_target', got 'My-Target'"),
        ("target", "MyTarget", "such as 'my_target', got 'MyTarget'"),
        ("target", "2fast", "such as 'my_2fast', got '2fast'"),
        ("target", "class", "such as 'my_class', got 'class'"),
        ("target", "../own", "such as 'own', got '../own'"),
        ("target", "", "such as 'my_target', got ''"),
        ("target", "delay", "the target name 'delay' is taken by seqfit 0.1.0"),
        ("target", "memory", "the name 'memory' would hide Memory of seqfit or Python"),
        ("targt", "own", "must be one of signal, target, model, schedule, got 'targt'; did you"),
    ],
)
def test_a_bad_name_is_refused(tmp_path, seqfit, kind, name, message):
    code, said = seqfit("new", kind, name)
    assert code == 2
    assert message in said
    assert list(tmp_path.iterdir()) == []


def test_check_says_that_all_laws_hold(seqfit):
    code, said = seqfit("check", "counter", "--examples", "2")  # it takes two inputs
    assert code == 0
    assert "target Counter(threshold=0.5)" in said
    assert "all laws hold" in said
    assert said.count("holds") == 14


def test_check_shows_the_smallest_example_that_breaks_a_law(installed, seqfit):
    installed(
        """
        import seqfit

        @seqfit.target(bounds=(-1.0, 1.0))
        def own(x, state, gain=1.0):
            return gain * x, state
        """
    )
    code, said = seqfit("check", "own:gain=2.0")
    assert code == 1
    assert "target own(gain=2.0)" in said
    assert "1 of 14 laws broken" in said
    words = " ".join(said.replace("│", " ").split())
    assert "bounds broken y of own(gain=2.0) is" in words
    assert "beyond its bounds (-1.0, 1.0)" in words
    code, said = seqfit("check", "own:gain=0.25", "--inputs", "2", "--examples", "5")
    assert (code, "all laws hold" in said) == (0, True)


def test_a_step_function_is_a_plugin_like_any_other(installed, seqfit):
    installed(
        """
        import seqfit

        @seqfit.target
        def own(x, state, gain=1.0):
            return gain * x, state
        """
    )
    from seqfit import configuration

    own = plugins.load("targets", "own")
    assert configuration.to_data(own(2.0)) == {"name": "own", "gain": 2.0}
    assert configuration.from_data("targets", {"name": "own", "gain": 2.0}) == own(2.0)
    chain = own(2.0) >> own(3.0)
    assert configuration.from_data("targets", configuration.to_data(chain)) == chain


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["recorded"], "'recorded' is a signal and a target; say which: signal:recorded"),
        (["dely"], "nothing that 'seqfit list' shows is named 'dely'; did you mean 'delay'?"),
        (["taget:delay"], "got 'taget'; did you mean 'target'?"),
        (["delay:sample=1"], "no setting 'sample'; did you mean 'samples'?"),
        (["chain"], "the target 'chain' needs the setting 'parts'"),
        (["signal:events", "--inputs", "2"], "--inputs does not go with a signal"),
        (["delay", "--inputs", "0"], "--inputs must be a positive int, got 0"),
        (["delay", "--examples", "0"], "--examples must be a positive int, got 0"),
    ],
)
def test_what_check_can_not_do_is_said(seqfit, arguments, message):
    code, said = seqfit("check", *arguments)
    assert code == 2
    assert message in said


def test_check_without_hypothesis_names_the_extra(seqfit, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("seqfit.testing")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(sys.modules["seqfit"], "testing", raising=False)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    code, said = seqfit("check", "delay")
    assert code == 2
    assert "pip install 'seqfit[testing]'" in said
