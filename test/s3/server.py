#!/usr/bin/env python3
"""
An S3 server for the tests. moto keeps the buckets; what moto leaves open is closed before it: every request must carry
a signature (version 4) by a key that is in /state/keys.json at that moment, and the body it was made for, and what is
kept must stay below the limit in there. The file is read anew for each request, so that a key can expire in mid-run.
SIGHUP takes in another certificate.
"""
import hashlib
import hmac
import json
import signal
import sys
import threading
import time
from io import BytesIO
from urllib.parse import quote

from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends

STATE = "/state/keys.json"
moto = DomainDispatcherApplication(create_backend_app)
MOTO_SIZE = threading.Lock()


def state():
    with open(STATE, encoding="utf-8") as file:
        return json.load(file)


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def fault(environ, body):
    """What an S3 service would answer instead of doing it: status, code, words. None where it may be done."""
    words = environ.get("HTTP_AUTHORIZATION", "")
    if not words.startswith("AWS4-HMAC-SHA256 "):
        return "403 Forbidden", "AccessDenied", "Access Denied"
    parts = dict(part.strip().split("=", 1) for part in words.split(" ", 1)[1].split(","))
    access, day, region, service, end = parts["Credential"].split("/")
    secret = state()["keys"].get(access)
    if secret is None:
        return "403 Forbidden", "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
    if secret == "expired":
        return "400 Bad Request", "ExpiredToken", "The provided token has expired."
    date, claimed = environ.get("HTTP_X_AMZ_DATE", ""), environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
    if abs(time.time() - time.mktime(time.strptime(date, "%Y%m%dT%H%M%SZ")) + time.timezone) > 900:
        return "403 Forbidden", "RequestTimeTooSkewed", "The difference between the request time and the server's time is too large."
    if claimed != "UNSIGNED-PAYLOAD" and claimed != hashlib.sha256(body).hexdigest():
        return "400 Bad Request", "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."
    path, _, query = environ["REQUEST_URI"].partition("?")
    pairs = sorted(pair if "=" in pair else pair + "=" for pair in query.split("&") if pair)
    headers = "".join(f"{name}:{' '.join(header(environ, name).split())}\n" for name in parts["SignedHeaders"].split(";"))
    asked = "\n".join(
        [environ["REQUEST_METHOD"], quote(path, safe="/%-_.~"), "&".join(pairs), headers, parts["SignedHeaders"], claimed]
    )
    scope = "/".join([day, region, service, end])
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(asked.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for step in [day, region, service, end]:
        key = sign(key, step)
    if not hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), parts["Signature"]):
        return "403 Forbidden", "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."
    if environ["REQUEST_METHOD"] == "PUT" and kept() + len(body) > state()["limit"]:
        return "507 Insufficient Storage", "QuotaExceeded", "The bucket's quota is used up."
    return None


def header(environ, name):
    name = name.upper().replace("-", "_")
    return environ.get(name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}", "")


def kept():
    """Bytes in all buckets."""
    with MOTO_SIZE:
        total = 0
        for account in s3_backends.values():
            for backend in account.values():
                for bucket in list(backend.buckets.values()):
                    total += sum(key.size for key in list(bucket.keys.values()))
                    total += sum(part.size for whole in list(bucket.multiparts.values()) for part in list(whole.parts.values()))
        return total


def application(environ, start_response):
    if environ["REMOTE_ADDR"] == "127.0.0.1" and environ["REQUEST_URI"] == "/healthy":
        start_response("200 OK", [("Content-Length", "0")])
        return [b""]
    body = environ["wsgi.input"].read()
    environ["wsgi.input"] = BytesIO(body)
    try:
        wrong = fault(environ, body)
    except (KeyError, ValueError) as error:
        wrong = "400 Bad Request", "AuthorizationHeaderMalformed", str(error)
    print(environ["REMOTE_ADDR"], environ["REQUEST_METHOD"], environ["REQUEST_URI"], len(body), wrong[1] if wrong else "", flush=True)
    if wrong is None:
        return moto(environ, start_response)
    status, code, message = wrong
    answer = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()
    start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(answer)))])
    return [answer]


class Adapter(BuiltinSSLAdapter):
    def renew(self, *_):
        self.context.load_cert_chain("/tls/server.pem", "/tls/server.key")


def main():
    # One thread a connection that is kept open; the clients here keep a handful.
    server = wsgi.Server(("0.0.0.0", 9000), application, numthreads=24, max=64, timeout=30)
    server.ssl_adapter = Adapter("/tls/server.pem", "/tls/server.key")
    signal.signal(signal.SIGHUP, server.ssl_adapter.renew)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.safe_start()


main()
