"""Valid and invalid ID tokens as data: each has a name, and each invalid one the rule that it violates.

They are signed with cryptography directly, so that they do not depend on the code under test.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

NOW = 1_800_000_000
ISSUER = "https://provider.example/"
CLIENT = "client"
ACCESS_TOKEN = "opaque-access-token"
CLAIMS: dict[str, Any] = {"iss": ISSUER, "sub": "juan", "aud": CLIENT, "iat": NOW, "exp": NOW + 3600}

HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
WEAK_RSA = rsa.generate_private_key(65537, 1024)  # noqa: S505 - an invalid example
EC = {name: ec.generate_private_key(curve) for name, curve in CURVES.items()}
OTHER_EC = ec.generate_private_key(CURVES["P-256"])

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Jwk = dict[str, Any]


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8))


def jwk(key: PrivateKey, kid: str | None = "1", **members: Any) -> Jwk:  # noqa: ANN401 - JSON
    """Return a public key as a JWK; members that are None are left out."""
    if isinstance(key, rsa.RSAPrivateKey):
        public = key.public_key().public_numbers()
        document: Jwk = {"kty": "RSA", "n": number(public.n), "e": number(public.e)}
    else:
        point, size = key.public_key().public_numbers(), (key.key_size + 7) // 8
        curve = next(name for name, curve in CURVES.items() if curve.name == key.curve.name)
        document = {"kty": "EC", "crv": curve, "x": encode(point.x.to_bytes(size)), "y": encode(point.y.to_bytes(size))}
    return {name: value for name, value in {**document, "kid": kid, **members}.items() if value is not None}


def public_bytes(encoding: serialization.Encoding, layout: serialization.PublicFormat) -> bytes:
    return RSA.public_key().public_bytes(encoding, layout)


def signature(data: bytes, alg: str, key: PrivateKey | bytes) -> bytes:
    digest = HASHES.get(alg[2:], hashes.SHA256())
    if isinstance(key, bytes):
        return hmac.digest(key, data, digest.name)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), digest)
    size = (key.key_size + 7) // 8
    return b"".join(part.to_bytes(size) for part in decode_dss_signature(key.sign(data, ec.ECDSA(digest))))


def seal(header: bytes, payload: bytes, alg: str, key: PrivateKey | bytes) -> str:
    """Sign bytes, which need not be JSON."""
    signed = f"{encode(header)}.{encode(payload)}"
    return f"{signed}.{encode(signature(signed.encode(), alg, key))}"


def token(
    *,
    alg: str = "RS256",
    key: PrivateKey | bytes = RSA,
    header: dict[str, Any] | None = None,
    drop: str = "",
    **claims: Any,  # noqa: ANN401 - JSON
) -> str:
    """Sign the default claims with changes. ``drop`` names a claim to leave out; headers that are None are left out."""
    full_header = {"alg": alg, "typ": "JWT", "kid": "1", **(header or {})}
    payload = {name: value for name, value in (CLAIMS | claims).items() if name != drop}
    full_header = {name: value for name, value in full_header.items() if value is not ABSENT}
    return seal(json.dumps(full_header).encode(), json.dumps(payload).encode(), alg, key)


def at_hash(alg: str) -> str:
    digest = hashlib.new(f"sha{alg[2:]}", ACCESS_TOKEN.encode()).digest()
    return encode(digest[: len(digest) // 2])


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    token: str = field(repr=False)
    rule: str = ""
    keys: list[Any] = field(default_factory=lambda: [jwk(RSA)], repr=False)


ABSENT: Any = object()
PEM = public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
PKCS1_PEM = public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
DER = public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
HEADER = b'{"alg":"RS256","typ":"JWT","kid":"1"}'
PAYLOAD = json.dumps(CLAIMS).encode()
HEAD, BODY, SIGNATURE = token().split(".")
ES_HEAD, ES_BODY, _ = token(alg="ES256", key=EC["P-256"]).split(".")
ES_DER_SIGNATURE = EC["P-256"].sign(f"{ES_HEAD}.{ES_BODY}".encode(), ec.ECDSA(hashes.SHA256()))
NONE_HEAD = encode(b'{"alg":"none"}')
FILLING = "x" * ((16 * 1024 - len(token(note=""))) * 3 // 4)

ALG = "alg must be one of RS256, RS384, RS512, ES256, ES384, ES512"
FORGED = "its signature is not the provider's"
NO_KEY = "kid and alg match none of the provider's keys"
TWO_KEYS = "more than one of the provider's keys matches"
SHAPE = "it is not a signed token in compact form"
BASE64 = "it is not base64url"
HEADER_JSON = "its header is not a JSON object"
PAYLOAD_JSON = "its payload is not a JSON object"
AUD = "aud must be a string or a list of them"
OTHER_AUD = "aud does not contain the client id"
AZP = "azp is not the client id"
SUB = "sub must be a string of 1 to 255 ASCII characters"
AT_HASH = "at_hash does not match the access token"
NO_TIMES: list[Any] = [None, True, str(NOW), [NOW], 10**400]
WEAK = "its RSA key has fewer than 2048 bits"


def _last_bits_set(segment: str) -> str:
    """Change the unused bits at the end of a base64url segment."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) | 1]


def _es_keys(curve: str = "P-256", **members: Any) -> list[Any]:  # noqa: ANN401
    return [jwk(EC[curve], **members)]


BAD = [
    # The algorithm: RFC 8725 §2.1, §3.1, §3.2
    *(
        Case(name=f"HS256 with the public key as {form}", token=token(alg="HS256", key=secret), rule=ALG)
        for form, secret in {
            "PEM": PEM,
            "PKCS#1 PEM": PKCS1_PEM,
            "DER": DER,
            "PEM without its last newline": PEM.strip(),
        }.items()
    ),
    Case(name="HS384 with the PEM", token=token(alg="HS384", key=PEM), rule=ALG),
    Case(name="HS512 with the PEM", token=token(alg="HS512", key=PEM), rule=ALG),
    Case(name="HS256 with the modulus", token=token(alg="HS256", key=jwk(RSA)["n"].encode()), rule=ALG),
    Case(
        name="HS256 with a symmetric key in the set",
        token=token(alg="HS256", key=b"secret" * 6),
        keys=[{"kty": "oct", "kid": "1", "k": encode(b"secret" * 6)}],
        rule=ALG,
    ),
    *(
        Case(name=f"alg {spelling!r} with a signature", token=token(header={"alg": spelling}), rule=ALG)
        for spelling in ("none", "None", "NONE", "nOnE", "", "RS1", "rs256", "RS256 ", "PS256", "EdDSA", "HS256")
    ),
    Case(name="alg none without a signature", token=f"{NONE_HEAD}.{BODY}.", rule=BASE64),
    Case(name="alg none with a character for a signature", token=f"{NONE_HEAD}.{BODY}.AA", rule=ALG),
    *(
        Case(name=f"alg is {alg!r}", token=token(header={"alg": alg}), rule=ALG)
        for alg in (None, True, 256, ["RS256"], {"RS256": 1})
    ),
    Case(name="alg is missing", token=token(header={"alg": ABSENT}), rule=ALG),
    Case(
        name="alg RS256 with an RS512 signature", token=f"{HEAD}.{BODY}.{token(alg='RS512').split('.')[2]}", rule=FORGED
    ),
    # The header: RFC 7515 §4.1, RFC 8725 §3.10, §3.11
    Case(
        name="an embedded key that verifies the signature",
        token=token(key=OTHER_RSA, header={"jwk": jwk(OTHER_RSA)}),
        rule="jwk is not allowed in its header",
    ),
    Case(
        name="a URL of keys",
        token=token(key=OTHER_RSA, header={"jku": "https://evil.example/jwks"}),
        rule="jku is not allowed in its header",
    ),
    Case(
        name="a URL of a certificate",
        token=token(header={"x5u": "https://evil.example/x5u"}),
        rule="x5u is not allowed in its header",
    ),
    Case(name="an embedded certificate", token=token(key=OTHER_RSA, header={"x5c": [encode(DER)]}), rule=FORGED),
    Case(name="a critical extension", token=token(header={"crit": ["exp"]}), rule="crit is not allowed in its header"),
    Case(name="an empty crit", token=token(header={"crit": []}), rule="crit is not allowed in its header"),
    Case(name="an access token (at+jwt)", token=token(header={"typ": "at+jwt"}), rule="typ must be JWT"),
    Case(name="a logout token", token=token(header={"typ": "logout+jwt"}), rule="typ must be JWT"),
    Case(name="typ is null", token=token(header={"typ": None}), rule="typ must be JWT"),
    Case(name="kid is a number", token=token(header={"kid": 1}), rule="kid must be a string"),
    Case(name="kid is null", token=token(header={"kid": None}), rule="kid must be a string"),
    # The form: RFC 7515 §7.1, RFC 4648 §3.5, RFC 8259 §4
    Case(name="empty text", token="", rule=SHAPE),
    Case(name="one segment", token=HEAD, rule=SHAPE),
    Case(name="two segments", token=f"{HEAD}.{BODY}", rule=SHAPE),
    Case(name="four segments", token=f"{HEAD}.{BODY}.{SIGNATURE}.AA", rule=SHAPE),
    Case(name="encrypted: five segments (JWE)", token=f"{HEAD}.{BODY}.AAAA.{BODY}.{SIGNATURE}", rule=SHAPE),
    Case(name="JSON serialization", token=json.dumps({"payload": BODY, "signatures": []}), rule=SHAPE),
    Case(name="an empty header", token=f".{BODY}.{SIGNATURE}", rule=BASE64),
    Case(name="an empty payload", token=f"{HEAD}..{SIGNATURE}", rule=BASE64),
    Case(name="an empty signature", token=f"{HEAD}.{BODY}.", rule=BASE64),
    Case(name="a blank before it", token=f" {HEAD}.{BODY}.{SIGNATURE}", rule=BASE64),
    Case(name="a line end behind it", token=f"{HEAD}.{BODY}.{SIGNATURE}\n", rule=BASE64),
    Case(name="invalid characters in the signature", token=f"{HEAD}.{BODY}.!{SIGNATURE}", rule=BASE64),
    Case(name="a NUL in the signature", token=f"{HEAD}.{BODY}.{SIGNATURE}\0", rule=BASE64),
    Case(name="characters beyond ASCII", token=f"{HEAD}.{BODY}.{SIGNATURE[:-1]}é", rule=BASE64),
    Case(name="padding", token=f"{HEAD}.{BODY}.{SIGNATURE}==", rule=BASE64),
    Case(name="plain base64", token=f"{HEAD}.{BODY}.{SIGNATURE[:-2]}+/", rule=BASE64),
    Case(name="an impossible base64 length", token=f"{HEAD}.{BODY}.AAAAA", rule=BASE64),
    Case(name="unused bits that are not zero", token=f"{HEAD}.{BODY}.{_last_bits_set(SIGNATURE)}", rule=BASE64),
    Case(name="longer than 16 KiB", token=token(note=FILLING + "xxx"), rule="it is longer than 16 KiB"),
    *(
        Case(name=f"header: {what}", token=seal(text, PAYLOAD, "RS256", RSA), rule=HEADER_JSON)
        for what, text in {
            "not JSON": b"alg=RS256",
            "a list": b'["RS256"]',
            "a duplicate member": b'{"alg":"RS256","alg":"none","kid":"1"}',
            "not UTF-8": b'{"alg":"RS256","kid":"\xff"}',
            "nested deeply": b"[" * 4000 + b"]" * 4000,
        }.items()
    ),
    *(
        Case(name=f"payload: {what}", token=seal(HEADER, text, "RS256", RSA), rule=PAYLOAD_JSON)
        for what, text in {
            "not JSON": b"iss=me",
            "a list": b"[1]",
            "a text": b'"juan"',
            "null": b"null",
            "cut off": PAYLOAD[:-1],
            "two objects": PAYLOAD + PAYLOAD,
            "UTF-16": PAYLOAD.decode().encode("utf-16"),
            "a byte order mark": b"\xef\xbb\xbf" + PAYLOAD,
            "sub twice": PAYLOAD[:-1] + b',"sub":"admin"}',
            "a nested duplicate member": PAYLOAD[:-1] + b',"address":{"a":1,"a":2}}',
            "exp is NaN": PAYLOAD.replace(str(NOW + 3600).encode(), b"NaN"),
            "exp is Infinity": PAYLOAD.replace(str(NOW + 3600).encode(), b"Infinity"),
            "exp has 5,000 digits": PAYLOAD.replace(str(NOW + 3600).encode(), b"9" * 5000),
            "nested deeply": b"[" * 5000 + b"]" * 5000,
        }.items()
    ),
    # The key: RFC 7517 §4, RFC 7518 §3.3, OpenID Connect Core §10.1
    Case(name="signed with another key", token=token(key=OTHER_RSA), rule=FORGED),
    Case(name="signed with another ES256 key", token=token(alg="ES256", key=OTHER_EC), keys=_es_keys(), rule=FORGED),
    Case(name="claims of another token", token=f"{HEAD}.{token(sub='admin').split('.')[1]}.{SIGNATURE}", rule=FORGED),
    Case(name="half a signature", token=f"{HEAD}.{BODY}.{encode(b's' * 128)}", rule=FORGED),
    Case(
        name="an ES256 signature of zeros",
        token=f"{ES_HEAD}.{ES_BODY}.{encode(bytes(64))}",
        keys=_es_keys(),
        rule=FORGED,
    ),
    Case(
        name="an ES256 signature in DER",
        token=f"{ES_HEAD}.{ES_BODY}.{encode(ES_DER_SIGNATURE)}",
        keys=_es_keys(),
        rule=FORGED,
    ),
    Case(name="no keys at all", token=token(), keys=[], rule=NO_KEY),
    Case(name="an unknown kid", token=token(header={"kid": "2"}), rule=NO_KEY),
    Case(name="a kid in another case", token=token(header={"kid": "A"}), keys=[jwk(RSA, "a")], rule=NO_KEY),
    Case(name="a kid that no key has", token=token(), keys=[jwk(RSA, None)], rule=NO_KEY),
    Case(name="an empty kid", token=token(header={"kid": ""}), rule=NO_KEY),
    Case(name="a kid that is a path", token=token(header={"kid": "../../dev/null"}), rule=NO_KEY),
    Case(name="the key's kid is a number", token=token(), keys=[jwk(RSA, kid=None) | {"kid": 1}], rule=NO_KEY),
    Case(name="two keys of one kid", token=token(), keys=[jwk(RSA), jwk(OTHER_RSA)], rule=TWO_KEYS),
    Case(name="the same key twice", token=token(), keys=[jwk(RSA), jwk(RSA)], rule=TWO_KEYS),
    Case(
        name="no kid, and two keys",
        token=token(header={"kid": ABSENT}),
        keys=[jwk(RSA, "1"), jwk(OTHER_RSA, "2")],
        rule=TWO_KEYS,
    ),
    Case(
        name="no kid, and another's key",
        token=token(header={"kid": ABSENT}),
        keys=[jwk(OTHER_RSA)],
        rule=FORGED,
    ),
    Case(name="a key for encryption", token=token(), keys=[jwk(RSA, use="enc")], rule=NO_KEY),
    Case(name="a key of unknown use", token=token(), keys=[jwk(RSA, use="tls")], rule=NO_KEY),
    Case(name="a key for RS512", token=token(), keys=[jwk(RSA, alg="RS512")], rule=NO_KEY),
    Case(name="a key for PS256", token=token(), keys=[jwk(RSA, alg="PS256")], rule=NO_KEY),
    Case(name="RS256, and an EC key", token=token(), keys=_es_keys(), rule=NO_KEY),
    Case(name="ES256, and an RSA key", token=token(alg="ES256", key=EC["P-256"]), rule=NO_KEY),
    Case(name="ES256 on P-384", token=token(alg="ES256", key=EC["P-384"]), keys=_es_keys("P-384"), rule=NO_KEY),
    Case(
        name="an unsupported curve",
        token=token(alg="ES256", key=EC["P-256"]),
        keys=_es_keys(crv="secp256k1"),
        rule=NO_KEY,
    ),
    Case(name="a wrong curve name", token=token(alg="ES384", key=EC["P-384"]), keys=_es_keys(crv="P-384"), rule=FORGED),
    Case(
        name="a point that is not on the curve",
        token=token(alg="ES256", key=EC["P-256"]),
        keys=_es_keys(y=encode(b"y" * 32)),
        rule=FORGED,
    ),
    Case(name="kty in lower case", token=token(), keys=[jwk(RSA, kty="rsa")], rule=NO_KEY),
    Case(name="RSA of 1024 bits", token=token(key=WEAK_RSA), keys=[jwk(WEAK_RSA)], rule=WEAK),
    Case(
        name="RSA of 1024 bits behind zeros",
        token=token(key=WEAK_RSA),
        keys=[jwk(WEAK_RSA, n=encode(bytes(128) + WEAK_RSA.public_key().public_numbers().n.to_bytes(128)))],
        rule=WEAK,
    ),
    Case(
        name="an RSA key without modulus",
        token=token(),
        keys=[jwk(RSA, n="")],
        rule="the modulus of its RSA key is not base64url",
    ),
    Case(
        name="a modulus that is not base64url",
        token=token(),
        keys=[jwk(RSA, n="n!")],
        rule="the modulus of its RSA key is not base64url",
    ),
    Case(name="an RSA exponent of 1", token=token(), keys=[jwk(RSA, e=number(1))], rule=FORGED),
    Case(name="an RSA key without exponent", token=token(), keys=[jwk(RSA, e="")], rule=FORGED),
    # The parties: OpenID Connect Core §3.1.3.7, 2 to 5
    *(
        Case(name=f"iss is {iss!r}", token=token(iss=iss), rule="iss is not the issuer")
        for iss in ("https://evil.example/", ISSUER[:-1], ISSUER.upper(), "", None, [ISSUER], {"iss": ISSUER})
    ),
    Case(name="iss is missing", token=token(drop="iss"), rule="iss is not the issuer"),
    *(
        Case(name=f"aud is {aud!r}", token=token(aud=aud), rule=OTHER_AUD)
        for aud in ("other", "", CLIENT.upper(), f"{CLIENT} other", ["other"], ["other", "another"])
    ),
    *(
        Case(name=f"aud is {aud!r}", token=token(aud=aud), rule=AUD)
        for aud in (None, 1, True, [], [[CLIENT]], [CLIENT, 1], {CLIENT: True})
    ),
    Case(name="aud is missing", token=token(drop="aud"), rule=AUD),
    Case(
        name="several aud without azp",
        token=token(aud=[CLIENT, "api"]),
        rule="azp is missing although aud has several values",
    ),
    *(Case(name=f"azp is {azp!r}", token=token(azp=azp), rule=AZP) for azp in ("other", "", None, [CLIENT], 1)),
    Case(name="several aud, azp another", token=token(aud=[CLIENT, "api"], azp="api"), rule=AZP),
    *(Case(name=f"sub is {sub!r}", token=token(sub=sub), rule=SUB) for sub in ("", None, 7, True, ["juan"], {"id": 1})),
    *(Case(name=f"sub is {sub!r}", token=token(sub=sub), rule=SUB) for sub in ("jüan", "admin\u200b", "\ud800")),
    Case(name="sub is too long", token=token(sub="x" * 256), rule=SUB),
    Case(name="sub is missing", token=token(drop="sub"), rule=SUB),
    # The times: OpenID Connect Core §3.1.3.7, 9 and 10; RFC 7519 §4.1.4 to 6
    *(
        Case(name=f"{claim} is {value!r}", token=token(**{claim: value}), rule=f"{claim} must be a number")
        for claim in ("exp", "iat", "nbf")
        for value in NO_TIMES
    ),
    Case(
        name="exp is 1e999",
        token=seal(HEADER, PAYLOAD.replace(str(NOW + 3600).encode(), b"1e999"), "RS256", RSA),
        rule="exp must be a number",
    ),
    Case(name="exp is missing", token=token(drop="exp"), rule="exp must be a number"),
    Case(name="iat is missing", token=token(drop="iat"), rule="iat must be a number"),
    Case(name="expired 60 seconds ago", token=token(exp=NOW - 60), rule="exp is in the past"),
    Case(name="expired long ago", token=token(exp=0), rule="exp is in the past"),
    Case(name="negative exp", token=token(exp=-1e300), rule="exp is in the past"),
    Case(name="issued in the future", token=token(iat=NOW + 61), rule="iat is in the future"),
    Case(name="exp and iat in milliseconds", token=token(exp=NOW * 1000, iat=NOW * 1000), rule="iat is in the future"),
    Case(name="not valid yet", token=token(nbf=NOW + 61), rule="nbf is in the future"),
    # The access token's hash: OpenID Connect Core §3.1.3.8
    *(
        Case(name=f"at_hash of another token, {alg}", token=token(alg=alg, at_hash=encode(b"h" * size)), rule=AT_HASH)
        for alg, size in {"RS256": 16, "RS384": 24, "RS512": 32}.items()
    ),
    Case(name="at_hash by another hash", token=token(at_hash=at_hash("RS512")), rule=AT_HASH),
    Case(
        name="at_hash of the whole digest",
        token=token(at_hash=encode(hashlib.sha256(ACCESS_TOKEN.encode()).digest())),
        rule=AT_HASH,
    ),
    Case(name="at_hash with padding", token=token(at_hash=at_hash("RS256") + "=="), rule=AT_HASH),
    *(Case(name=f"at_hash is {value!r}", token=token(at_hash=value), rule=AT_HASH) for value in (None, "", 5, ["h"])),
    Case(name="at_hash beyond Unicode", token=token(at_hash="\ud800"), rule=AT_HASH),
]

UNKNOWN_KEYS = [
    {"kty": "OKP", "crv": "Ed25519", "x": encode(b"x" * 32), "kid": "okp"},
    {"kty": "oct", "k": encode(b"k" * 32), "kid": "oct"},
    {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "akp"},
    {"kty": "RSA", "kid": 1, "n": 5, "e": []},
    {},
    {"kty": None},
    None,
    "key",
    [],
    7,
]  # keys of unknown types, and values that are not keys

GOOD = [
    *(Case(name=alg, token=token(alg=alg)) for alg in ("RS256", "RS384", "RS512")),
    *(
        Case(name=alg, token=token(alg=alg, key=EC[curve]), keys=_es_keys(curve))
        for alg, curve in {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}.items()
    ),
    *(
        Case(name=f"{alg} with at_hash", token=token(alg=alg, at_hash=at_hash(alg)))
        for alg in ("RS256", "RS384", "RS512")
    ),
    *(
        Case(
            name=f"{alg} with at_hash", token=token(alg=alg, key=EC[curve], at_hash=at_hash(alg)), keys=_es_keys(curve)
        )
        for alg, curve in {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}.items()
    ),
    Case(name="no kid, and a single key", token=token(header={"kid": ABSENT})),
    Case(name="no kid anywhere", token=token(header={"kid": ABSENT}), keys=[jwk(RSA, None)]),
    Case(
        name="no kid, and a single key of its kind",
        token=token(alg="ES256", key=EC["P-256"], header={"kid": ABSENT}),
        keys=[jwk(RSA, "1"), jwk(EC["P-256"], "2"), jwk(EC["P-384"], "3"), jwk(OTHER_EC, "4", use="enc")],
    ),
    Case(name="its key among keys of unknown types", token=token(), keys=[*UNKNOWN_KEYS, jwk(RSA), *UNKNOWN_KEYS]),
    Case(name="its kid among others", token=token(), keys=[jwk(OTHER_RSA, "0"), jwk(RSA), jwk(EC["P-256"], "2")]),
    Case(name="one kid for keys of two kinds", token=token(), keys=[jwk(RSA), jwk(EC["P-256"])]),
    Case(
        name="one kid for signing and encryption", token=token(), keys=[jwk(RSA, use="sig"), jwk(OTHER_RSA, use="enc")]
    ),
    Case(
        name="a key with use and alg",
        token=token(),
        keys=[jwk(RSA, use="sig", alg="RS256", key_ops=["verify"])],
    ),
    Case(name="a key with its certificates", token=token(), keys=[jwk(RSA, x5c=["MIIC"], x5t="AA")]),
    Case(name="a kid beyond ASCII", token=token(header={"kid": "schlüssel"}), keys=[jwk(RSA, "schlüssel")]),
    Case(name="no typ", token=token(header={"typ": ABSENT})),
    Case(name="an unknown header parameter", token=token(header={"cty": "x", "zip": "no", "x5t": "AA"})),
    Case(name="aud in a list", token=token(aud=[CLIENT])),
    Case(name="aud in a list, with azp", token=token(aud=[CLIENT], azp=CLIENT)),
    Case(name="azp with one aud", token=token(azp=CLIENT)),
    Case(name="several aud with azp", token=token(aud=["api", CLIENT, "other"], azp=CLIENT)),
    Case(name="expired 59 seconds ago", token=token(exp=NOW - 59)),
    Case(name="issued in a minute", token=token(iat=NOW + 60)),
    Case(name="valid in a minute", token=token(nbf=NOW + 60)),
    Case(name="valid since long", token=token(nbf=0, iat=0)),
    Case(name="times with fractions", token=token(exp=NOW + 0.5, iat=NOW - 0.5, nbf=NOW - 0.25)),
    Case(name="unknown claims", token=token(amr=["pwd"], address={"country": "BR"}, nonce=None)),
    Case(name="just 16 KiB", token=token(note=FILLING)),
]
