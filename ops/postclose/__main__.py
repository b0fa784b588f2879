"""`python -m ops.postclose`."""

from ops.postclose.cli import main

if __name__ == "__main__":
    main()
