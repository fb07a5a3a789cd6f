"""Which media type an ending stands for: Python's own table and what help desks are sent besides.

Never the machine's: the same file must be called the same wherever it is rendered, or audited.
"""

from __future__ import annotations

import mimetypes

_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"
_MORE = {
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".odt": f"{_OPEN}.text",
    ".ods": f"{_OPEN}.spreadsheet",
    ".odp": f"{_OPEN}.presentation",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".ogv": "video/ogg",
    ".m4a": "audio/mp4",
    ".flac": "audio/flac",
    ".mkv": "video/x-matroska",
    ".webp": "image/webp",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".7z": "application/x-7z-compressed",
    ".rar": "application/vnd.rar",
    ".gz": "application/gzip",
    ".eml": "message/rfc822",
    ".msg": "application/vnd.ms-outlook",
    ".ics": "text/calendar",
    ".vcf": "text/vcard",
    ".rtf": "application/rtf",
    ".md": "text/markdown",
    ".log": "text/plain",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
TYPES = mimetypes.MimeTypes()
for _ending, _type in _MORE.items():
    TYPES.add_type(_type, _ending)
