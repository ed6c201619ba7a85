"""Commands that are run in this process, with a standard input."""

import sys

import pytest

from seqfit.cli import main


@pytest.fixture
def run_in(monkeypatch, capfd):
    """Give, for a folder, what runs a command in it and gives its code, output and errors."""

    def in_folder(folder):
        monkeypatch.chdir(folder)

        def run_command(*arguments, text=""):
            (folder / "input").write_text(text)
            with (folder / "input").open() as file, monkeypatch.context() as patch:
                patch.setattr(sys, "stdin", file)
                with pytest.raises(SystemExit) as end:
                    main([str(argument) for argument in arguments])
            out, err = capfd.readouterr()
            return end.value.code or 0, out, err

        return run_command

    return in_folder
