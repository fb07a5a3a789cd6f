"""The full e-mail behind `links.related`: HTML made of the preview, the same for the same message every time."""

from __future__ import annotations

import zlib
from html import escape

from mig_kustomer.sandbox.rows import Json

_GREETINGS = ("Hello,", "Dear team,", "Guten Tag,", "Bonjour,", "Hola,")
_CLOSINGS = ("Kind regards", "Best", "Mit freundlichen Gr&uuml;&szlig;en", "Cordialement", "Thanks &amp; bye")


def mail_html(message: Json) -> str:
    """A mail as mail programs write them: paragraphs, a link, a signature, now and then a table, a list or a quote."""
    attributes = message.get("attributes") or {}
    seed = zlib.crc32(str(message.get("id")).encode())
    preview = str(attributes.get("preview") or "")
    paragraphs = "".join(f"<p>{_lines(part)}</p>\n" for part in preview.split("\n\n"))
    parts = [
        '<html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8">',
        "<style>p{margin:0 0 1em} .sig{color:#777}</style></head>",
        f'<body style="font-family:Arial"><div><p>{_GREETINGS[seed % 5]}</p>\n{paragraphs}',
        f'<p>See&nbsp;<a href="https://shop.example.com/orders?id={seed % 9973}&amp;ref=mail">it</a>&hellip;</p>',
    ]
    parts += [extra for divisor, extra in _extras(seed) if seed % divisor == 0]
    parts.append(f'<div class="sig">-- <br>{_CLOSINGS[seed // 7 % 5]}<br><b>{_sender(attributes)}</b></div></div>')
    if "response" in str(attributes.get("directionType")) or seed % 2:
        parts.append(_quoted(attributes, seed))
    return "\n".join([*parts, "</body></html>"])


def _extras(seed: int) -> list[tuple[int, str]]:
    return [
        (5, "<ul><li>Order <i>A&ndash;1</i></li><li>Size &lt; 42</li><li>Colour: <u>blue</u></li></ul>"),
        (7, f"<table border=1><tr><th>Item</th></tr><tr><td>Shoe</td><td>{seed % 90},00 &euro;</td></tr></table>"),
        (11, f'<p><img src="cid:image{seed % 1000:03d}@mail.example.com" alt="inline image" width="120"></p>'),
        (13, "<blockquote>Terms &quot;as agreed&quot; apply.</blockquote><script>track()</script>"),
    ]


def _quoted(attributes: Json, seed: int) -> str:
    day = str(attributes.get("sentAt") or attributes.get("createdAt") or "")[:10]
    return (
        f'<div class="gmail_quote"><div>On {day}, Support &lt;support@example.com&gt; wrote:<br></div>'
        f'<blockquote style="margin:0 0 0 .8ex;border-left:1px #ccc solid"><p>Your request #{seed % 100_000} was'
        "&nbsp;received.</p><p>We&#39;ll answer within a day.</p></blockquote></div>"
    )


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>\n")


def _sender(attributes: Json) -> str:
    sender = (attributes.get("meta") or {}).get("from")
    return escape(sender if isinstance(sender, str) else "Customer")
