"""The text of a URI: its escapes, its secrets, the bucket's name, and the options Arrow reads."""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from orchestrator.errors import RepertoireError

BUCKET_CHARACTERS = "letters, digits, dots, hyphens and underscores"
BUCKET_SCHEMES = ("s3", "gs", "gcs")
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")  # in the environment
SINGLE_PUTS = "allow_delayed_open"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NO_TEXT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")  # surrogates: of bytes that are not UTF-8
_SLASHES = re.compile("(?<![:/])/{2,}")
_URI = re.compile(r"(?<![\w+.-])[A-Za-z][\w+.-]*:/\S+")  # in a text; `Path` leaves one slash
_SECRETS = (
    re.compile(r"(s3:/+)[^/?#]*(?=@|%40)"),  # where a user alone is the id of a key
    re.compile(r"(\w:/+)[^/?#]*:[^/?#]*(?=@|%40)"),
    re.compile(r"((?:s3|gs|gcs):/+)[^/?#@]*:.*(?=@)"),  # a password may have slashes
    re.compile(r"([?&]endpoint_override=(?:\w+(?:://|%3A%2F%2F))?)[^&'\")]*(?=@|%40)", re.I),
    # Not the key of a shared view, which is in links to MLflow.
    re.compile(
        r"([?&][\w.-]*(?:secret|passw|pwd|token|(?<!share)key|credential|signature|\bsig|\bsas)[\w.-]*=)"
        r"[^&]+?(?=&|['\")\]},.:;]*$)",
        re.I,
    ),
)
_OPTION_NAME = re.compile("(?<=[?&])[^=&]*%[^=&]*(?==)")
_LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


def escape_uri(uri: str) -> str:
    """Return a URI whose names may have spaces and letters of any alphabet as Arrow reads it.

    What is escaped already (`%20`) stays as it is, so that both spellings are one address; slashes
    between names are single, as Arrow requires.
    """
    names, mark, options = uri.partition("?")
    uri = f"{_SLASHES.sub('/', names)}{mark}{options}"
    return quote(_LONE_PERCENT.sub("%25", uri), safe=":/?#@!$&'()*+,;=~%", errors="replace")


def hide_secrets(text: str) -> str:
    """Return a URI, or a text that names some, with what is secret in them replaced by `***`.

    That are user names and passwords, also of an endpoint, and options such as `client_secret`.
    """
    return _URI.sub(_hide_secrets_of_uri, text)


def _hide_secrets_of_uri(match: re.Match[str]) -> str:
    # Arrow reads `endpoint%5Foverride` as the option that it is.
    uri = read = _OPTION_NAME.sub(lambda name: unquote(name[0]), match[0])
    for secret in _SECRETS:
        uri = secret.sub(r"\1***", uri)
    return match[0] if uri == read else uri


def is_bucket_name(name: str) -> bool:
    """Return whether a bucket may have a name."""
    return bool(_BUCKET.fullmatch(name))


def require_readable_uri(uri: str) -> None:
    """Raise RepertoireError if Arrow would read a URI as another one, or not tell what is wrong."""
    shown = hide_secrets(uri)
    parts, problem = urlsplit(shown), ""
    bucket = parts.netloc.rpartition("@")[2]
    if _NO_TEXT.search(uri):
        problem = " holds control characters or is not UTF-8"
    elif parts.fragment:
        problem = ": `#` ends an address; write %23 for one in a name"
    elif parts.scheme in BUCKET_SCHEMES and not bucket:
        problem = " names no bucket; example: s3://my-bucket/repertoire"
    elif parts.scheme in BUCKET_SCHEMES and not is_bucket_name(bucket):
        problem = f": {bucket!r} is no name of a bucket, which has {BUCKET_CHARACTERS}"
    if problem:
        raise RepertoireError(f"store {shown!r}{problem}")
    if parts.scheme == "s3":
        require_valid_port(uri)


def require_valid_port(uri: str) -> None:
    """Raise RepertoireError if the endpoint of a bucket on S3 has a port that is none.

    Arrow opens it all the same, and each request fails as if the server did not answer.
    """
    given = dict(parse_qsl(urlsplit(uri).query)).get("endpoint_override")
    places = {"endpoint_override": given, **{name: os.environ.get(name) for name in ENDPOINTS}}
    for name, endpoint in places.items():
        if endpoint:
            user, _, server = endpoint.rpartition("@")
            try:
                _ = urlsplit(server if "://" in server else f"//{server}").port
            except ValueError as error:
                shown = f"***@{server}" if user else server
                raise RepertoireError(
                    f"store {hide_secrets(uri)!r}: {name} {shown!r} is no address of a "
                    f"server: {error}; example: http://localhost:9000"
                ) from None


def with_single_puts(uri: str) -> str:
    """Return the URI of a bucket on S3 with small files written by one request instead of three."""
    if not uri.startswith("s3://") or f"{SINGLE_PUTS}=" in uri:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}{SINGLE_PUTS}=true"
