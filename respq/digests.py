"""Digests, and what else stands on OpenSSL: it takes 4 MB and is imported when the first one is asked for.

A server without scripts and passwords never needs it.
"""

from __future__ import annotations


def sha1(data: bytes) -> bytes:
    """SHA-1, 20 bytes; no secret."""
    import hashlib

    return hashlib.sha1(data, usedforsecurity=False).digest()


def sha1_hex(data: bytes) -> bytes:
    """The same in 40 digits; the name of a script."""
    return sha1(data).hex().encode()


def sha256_hex(data: bytes) -> bytes:
    """SHA-256, in 64 digits."""
    import hashlib

    return hashlib.sha256(data).hexdigest().encode()


def blake2b_number(data: bytes, size: int) -> int:
    """BLAKE2b of `size` bytes, big-endian."""
    import hashlib

    return int.from_bytes(hashlib.blake2b(data, digest_size=size).digest())


def is_same_secret(a: bytes, b: bytes) -> bool:
    """Whether two are equal, in a time that does not tell how far."""
    from hmac import compare_digest

    return compare_digest(a, b)


def random_hex(digits: int) -> bytes:
    """So many random digits, of which nobody can guess the next."""
    import secrets

    return secrets.token_hex(digits)[:digits].encode()
