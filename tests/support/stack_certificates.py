"""An authority of one test run, a certificate that it signed, and a token; as files, as collectors read them."""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

GATEWAY = "stagelight-gateway"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where the files are."""

    folder: Path

    @classmethod
    def made(cls, openssl: str, folder: Path) -> Certificates:
        """Make them with the program `openssl`."""

        def run(*arguments: str) -> None:
            subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)

        (folder / "names").write_text(f"subjectAltName=DNS:{GATEWAY},DNS:localhost", encoding="utf-8")
        run("req", "-x509", *KEY, "-days", "1", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt")
        run("req", *KEY, "-subj", f"/CN={GATEWAY}", "-keyout", "tls.key", "-out", "tls.csr")
        run("x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "1",
            "-extfile", "names", "-out", "tls.crt")  # fmt: skip
        (folder / "token").write_text(secrets.token_urlsafe(32), encoding="utf-8")
        return cls(folder)

    @property
    def token(self) -> str:
        """What a sender shows."""
        return (self.folder / "token").read_text(encoding="utf-8")

    @property
    def authority(self) -> str:
        """Path of the authority's certificate."""
        return str(self.folder / "ca.crt")

    @property
    def variables(self) -> dict[str, str]:
        """What collectors are told."""
        return {
            "STAGELIGHT_CA_FILE": self.authority,
            "STAGELIGHT_CERT_FILE": str(self.folder / "tls.crt"),
            "STAGELIGHT_KEY_FILE": str(self.folder / "tls.key"),
            "STAGELIGHT_INGEST_TOKEN_FILE": str(self.folder / "token"),
            "STAGELIGHT_GATEWAY_HOST": GATEWAY,
        }
