"""Certificates for one test, made by openssl."""

import datetime
import subprocess


def openssl(*args, cwd):
    subprocess.run(["openssl", *args], cwd=cwd, check=True,
                   stdin=subprocess.DEVNULL, capture_output=True)


EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
RSA = ["-newkey", "rsa:2048", "-nodes"]


# `openssl x509` makes none that has ended.
CONFIG = """\
[ca]
default_ca = all
[all]
database = index
new_certs_dir = .
serial = serial
default_md = sha256
policy = names
unique_subject = no
[names]
commonName = supplied
"""


def day(days):
    """So many days from now, as openssl wants it."""
    t = datetime.datetime.now(datetime.timezone.utc)
    return (t + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


class Certificates:
    """A CA in DIRECTORY, and what it signs."""

    def __init__(self, directory):
        self.dir = directory
        self.dir.mkdir(parents=True, exist_ok=True)
        (self.dir / "index").touch()
        (self.dir / "ca.cnf").write_text(CONFIG)
        self.authority("ca")

    def path(self, name):
        return str(self.dir / name)

    def authority(self, name, subject=None):
        openssl("req", "-x509", *EC, "-days", "30", "-keyout", f"{name}.key",
                "-out", f"{name}.pem", "-subj", subject or f"/CN={name}",
                cwd=self.dir)

    def make(self, name, names="IP:127.0.0.1,DNS:localhost", days=90,
             by="ca", kind=EC, ca=False):
        """NAME.pem and NAME.key; DAYS may be less than 0."""
        openssl("req", *kind, "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}", cwd=self.dir)
        (self.dir / f"{name}.ext").write_text(
            f"subjectAltName={names}\n" +
            ("basicConstraints=critical,CA:TRUE\n" if ca else ""))
        openssl("ca", "-batch", "-notext", "-config", "ca.cnf",
                "-cert", f"{by}.pem", "-keyfile", f"{by}.key",
                "-in", f"{name}.csr", "-out", f"{name}.pem",
                "-extfile", f"{name}.ext", "-create_serial",
                "-startdate", day(min(days, 0) - 1), "-enddate", day(days),
                cwd=self.dir)
        (self.dir / f"{name}.key").chmod(0o600)
        return self

    def server_options(self, name, clients="no", **more):
        """What a redis-server of its own needs to listen with TLS."""
        return {"tls_cert_file": self.path(f"{name}.pem"),
                "tls_key_file": self.path(f"{name}.key"),
                "tls_ca_cert_file": self.path("ca.pem"),
                "tls_auth_clients": clients, **more}
