"""What a finding is known by from one version of a file to the next."""

from __future__ import annotations

from specc.diagnostics import Diagnostic


def fingerprint(finding: Diagnostic, seen: dict[str, int]) -> str:
    """32 hexadecimal digits: the same for the same fault, however its line moves; of one run, each once.

    They come from the path, the code, and the text of the line where the fault begins, however it is spaced. Neither
    the number of the line nor the message is in them: both change with what is written elsewhere. Equal ones are told
    apart by their order.

    Args:
        seen: how often each was met: the same dictionary for all findings of a run, in order.
    """
    from hashlib import sha256  # loads OpenSSL

    span = finding.primary.span
    line = " ".join(span.source.line(span.position[0]).split())
    known = "\0".join((span.source.name, finding.code, line))
    seen[known] = nth = seen.get(known, -1) + 1
    return sha256(f"{known}\0{nth}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
