"""``python -m seqfit``."""

from seqfit.cli import main

if __name__ == "__main__":
    main()
