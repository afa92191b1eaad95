"""embed.py DASHBOARD_HTML OUT_C: makes the page a part of the program.

The policy that goes with it names the page's one <style> and one <script> by
their hashes, so that a browser runs these and nothing that got in otherwise.
"""

import base64
import hashlib
import re
import sys

SOURCE = """\
/* Made by scripts/embed.py of {name}. */
#include "dashboard.h"

const unsigned char dashboard_html[] = {{
{bytes}
}};
const size_t dashboard_html_len = sizeof dashboard_html;

const char dashboard_csp[] = "{policy}";
"""
POLICY = ("default-src 'none'; script-src {script}; style-src {style}; "
          "connect-src 'self'; img-src data:; base-uri 'none'; "
          "form-action 'none'; frame-ancestors 'none'")


def hash_source(page, tag):
    """What stands between <TAG> and </TAG>, in the words of a policy."""
    found = re.findall(rb"<%s>(.*?)</%s>" % (tag, tag), page, re.DOTALL)
    if len(found) != 1:
        sys.exit(f"embed.py: {len(found)} of <{tag.decode()}>, not one")
    digest = base64.b64encode(hashlib.sha256(found[0]).digest()).decode()
    return f"'sha256-{digest}'"


def main():
    _, source, out = sys.argv
    with open(source, "rb") as f:
        page = f.read()
    lines = [",".join(map(str, page[i:i + 20])) + ","
             for i in range(0, len(page), 20)]
    policy = POLICY.format(script=hash_source(page, b"script"),
                           style=hash_source(page, b"style"))
    with open(out, "w") as f:
        f.write(SOURCE.format(name="src/web/dashboard.html",
                              bytes="\n".join(lines), policy=policy))


main()
