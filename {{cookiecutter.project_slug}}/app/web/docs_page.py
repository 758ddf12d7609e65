"""The page at /docs: Swagger UI, which shows /openapi.json and sends requests to this service.

Its files come from a CDN: no package brings them to every framework, and the image need not hold them. The browser
takes only the bytes with these hashes, and loads nothing else from other sites.
"""

import base64
import hashlib
import html

FILES = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.35.0"
SCRIPT = f"{FILES}/swagger-ui-bundle.js"
STYLE = f"{FILES}/swagger-ui.css"

#: The hashes of exactly this version.
SCRIPT_HASH = "sha384-gjRm0bEPMeTmMh5jT2cHccIwCUZSTd8YC+j0d0sXw0MdGEfScduGpSyF3ZSSLkX9"
STYLE_HASH = "sha384-WlYgdmXYOOBWL5apwjDEZwN+U3HmXSSu5R6V5aGxEcf7z+KuRNwBhoxKVN1i3D5I"

#: Without validatorUrl, a validator on the internet would be told where the document is.
START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null})'
START_HASH = "sha256-" + base64.b64encode(hashlib.sha256(START.encode()).digest()).decode()

POLICY = {
    "default-src": "'none'",
    "script-src": f"{SCRIPT} '{START_HASH}'",
    "style-src": STYLE,
    "img-src": "data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}

HEADERS = {"content-security-policy": "; ".join(f"{name} {sources}" for name, sources in POLICY.items())}


def page(title: str) -> str:
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{STYLE}" integrity="{STYLE_HASH}" crossorigin="anonymous">
</head>
<body>
<div id="docs"></div>
<script src="{SCRIPT}" integrity="{SCRIPT_HASH}" crossorigin="anonymous"></script>
<script>{START}</script>
</body>
</html>
"""
