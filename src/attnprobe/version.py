"""The version of attnprobe, for manifests and `--version`; a test holds it equal to the one in pyproject.toml.

In: nothing. Out: `VERSION`. It stands here because the package must know it when it runs from a checkout uninstalled.
"""

VERSION = "0.1.0"
