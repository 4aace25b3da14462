"""Tokens that are not good: forged ones, and some that the node's own key has signed but that must not be taken all the same."""
import base64
import hashlib
import hmac
import json
import subprocess
import time

HOUR_S = 3600


def encoded(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def numbers_of(der):
    """The two numbers of an ECDSA signature as JWS has them: 32 bytes each. `der` is SEQUENCE { INTEGER r, INTEGER s }."""
    assert der[0] == 0x30 and der[1] == len(der) - 2 and der[2] == 0x02
    second = 4 + der[3]
    assert der[second] == 0x02 and second + 2 + der[second + 1] == len(der)
    r, s = (int.from_bytes(part, "big") for part in (der[4:second], der[second + 2:]))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def signed(key_file, token, head=None, **claims):
    """The token with other members of its header and other claims (None: without it), signed with this key."""
    header, payload, _ = token.split(".")
    changed = {name: value for name, value in {**decoded(payload), **claims}.items() if value is not None}
    text = f"{encoded({**decoded(header), **(head or {})})}.{encoded(changed)}"
    der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key_file], input=text.encode(), capture_output=True, check=True,
                         timeout=60).stdout
    return f"{text}.{encoded(numbers_of(der))}"


def signed_by_the_node(node, token, **claims):
    """As if the node had issued the token at another time or to somebody else."""
    return signed(node.data / "token-key.pem", token, **claims)


def forgeries(token, public_keys):
    """(what, token) without the node's key."""
    header, claims, signature = token.split(".")
    head, body = decoded(header), decoded(claims)
    yield "none", f"{encoded({**head, 'alg': 'none'})}.{claims}."
    yield "None", f"{encoded({**head, 'alg': 'None'})}.{claims}."
    secret = json.dumps(public_keys).encode()
    text = f"{encoded({**head, 'alg': 'HS256'})}.{claims}"
    yield "HS256 with the public key", text + "." + encoded(hmac.new(secret, text.encode(), hashlib.sha256).digest())
    yield "another role", f"{header}.{encoded({**body, 'roles': ['platform_admin', 'admin', 'trader']})}.{signature}"
    yield "another organization", f"{header}.{encoded({**body, 'org': body['org'] + 1})}.{signature}"
    yield "another user", f"{header}.{encoded({**body, 'sub': '1'})}.{signature}"
    yield "later end", f"{header}.{encoded({**body, 'exp': body['exp'] + HOUR_S})}.{signature}"
    yield "no signature", f"{header}.{claims}."
    yield "two parts", f"{header}.{claims}"
    yield "four parts", f"{token}.{signature}"
    yield "changed signature", f"{header}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    yield "padded", f"{header}.{claims}.{signature}="
    yield "own key in the header", f"{encoded({**head, 'jwk': {'kty': 'oct', 'k': 'AA'}})}.{claims}.{signature}"
    yield "crit", f"{encoded({**head, 'crit': ['exp']})}.{claims}.{signature}"
    yield "unknown key", f"{encoded({**head, 'kid': '../../dev/null'})}.{claims}.{signature}"
    yield "not JSON", f"{encoded(b'{')}.{claims}.{signature}"
    yield "empty", ""
    yield "long", "A" * 7000
    yield "word", "letmein"


def wrongly_issued(node, token):
    """(what, token, code) with the node's own signature: only the claims are wrong."""
    now = int(time.time())
    invalid = "AUTH_TOKEN_INVALID"
    made = [("expired", {"iat": now - 2 * HOUR_S, "exp": now - HOUR_S}, "AUTH_TOKEN_EXPIRED"),
            ("without an end", {"exp": None}, invalid),
            ("good for a day", {"exp": now + 24 * HOUR_S}, invalid),
            ("not yet good", {"nbf": now + HOUR_S}, invalid),
            ("issued in an hour", {"iat": now + HOUR_S, "exp": now + 2 * HOUR_S}, invalid),
            ("another issuer", {"iss": "somebody-else"}, invalid),
            ("another audience", {"aud": "somebody-else"}, invalid),
            ("no kind of access token", {"head": {"typ": "JWT"}}, invalid),
            ("of nobody", {"sub": None}, invalid),
            ("of user 0", {"sub": "0"}, invalid),
            ("of no organization", {"org": None}, invalid),
            ("without roles", {"roles": None}, invalid),
            ("without a session", {"jti": None}, invalid)]
    for what, changes, code in made:
        yield what, signed_by_the_node(node, token, **changes), code


def new_key(path):
    """A key of ours, of the same kind as a node's."""
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path], check=True, capture_output=True, timeout=60)
    return path


def refused_authorizations(node, token, withdrawn, ended):
    """(what, Authorization, code): every way in which a good token's owner, or a thief of a part of it, is refused with 401.
    `withdrawn` is a token whose key the node does not use any more, `ended` one whose session was ended."""
    keys = json.loads(node.client().get("/auth/jwks").text)
    for what, forged in forgeries(token, keys):
        yield what, f"Bearer {forged}", "AUTH_TOKEN_MISSING" if forged == "" else "AUTH_TOKEN_INVALID"
    for what, issued, code in wrongly_issued(node, token):
        yield what, f"Bearer {issued}", code
    yield "signed with a key of one's own", "Bearer " + signed(new_key(node.data / "own-key.pem"), token), "AUTH_TOKEN_INVALID"
    yield "of a key that was withdrawn", f"Bearer {withdrawn}", "AUTH_TOKEN_INVALID"
    yield "of a session that was ended", f"Bearer {ended}", "AUTH_TOKEN_REVOKED"
    yield "Basic", "Basic dXNlcjpwYXNz", "AUTH_SCHEME_NOT_SUPPORTED"
    yield "another scheme", f"Token {token}", "AUTH_SCHEME_NOT_SUPPORTED"
    yield "no scheme", token, "AUTH_SCHEME_NOT_SUPPORTED"
    yield "two blanks", f"Bearer  {token}", "AUTH_TOKEN_INVALID"
    yield "two tokens", f"Bearer {token} {token}", "AUTH_TOKEN_INVALID"
