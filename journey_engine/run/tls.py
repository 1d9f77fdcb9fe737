"""What TLS needs of files; one that cannot be used is named with its setting."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def context(
    ca_file: Path | None, cert_file: Path | None, key_file: Path | None, password: str | None
) -> ssl.SSLContext:
    """A client's: whom it trusts, the system's authorities without a file, and who it is.

    Raises:
        OSError: a file cannot be read, or is not what it should be; the password is wrong.
    """
    with naming("tls_ca_file", ca_file):
        found = ssl.create_default_context(cafile=ca_file)
    if cert_file is not None:
        with naming("tls_cert_file, tls_key_file, tls_key_password", cert_file):
            found.load_cert_chain(cert_file, key_file, password)
    return found


@contextmanager
def naming(setting: str, path: Path | None) -> Iterator[None]:
    """Name setting and file in the error where a file cannot be used."""
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror or error} ({setting})"
        raise OSError(error.errno, reason, str(path)) from error
