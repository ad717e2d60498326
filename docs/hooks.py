"""What the site adds to docs/: documents of the repository's top folder, and the files that documents link to.

Links in documents are those of the repository, so they work there as well; on the site they lead to its own pages and
to copies of the linked files.
"""

from __future__ import annotations

import os.path
import re
from pathlib import Path

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Documents of the top folder -> their pages."""
SHIM = '<script src="https://unpkg.com/iframe-worker/shim"></script>'
"""What the theme's plugin `offline` loads for the search from disk. docs/search_from_disk.js takes its place."""
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


def on_config(config):
    """List the gallery's pages, which runs write, below its index; first what they contradict."""
    gallery = next(part["Gallery"] for part in config.nav if "Gallery" in part)
    pages = {f"gallery/{path.name}" for path in ROOT.glob("docs/gallery/*.md")} - {"gallery/index.md"}
    gallery += sorted(pages, key=lambda page: (page != "gallery/contradicted.md", page))
    return config


def on_files(files, config):
    """Add PAGES and all files outside docs/ that a page links to."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for page in [*files.documentation_pages()]:
        for _, link, _ in LINK.findall(page.content_string):
            target = _target(page.src_uri, link)
            if _is_asset(target) and files.get_file_from_path(target) is None:
                files.append(File.generated(config, target, abs_src_path=str(ROOT / target)))
    return files


def on_post_template(output, template_name, config):
    """Load no script from the network; of pages without a source, such as that for missing pages."""
    return on_post_page(output, None, config)


def on_post_page(output, page, config):
    """Load no script from the network."""
    script = (ROOT / "docs/search_from_disk.js").read_text(encoding="utf-8")
    return output.replace(SHIM, f"<script>{script}</script>")


def on_page_markdown(markdown, page, config, files: Files):
    """Turn links to files of the repository into links to pages and files of the site."""
    here = os.path.dirname(page.file.src_uri)
    if page.file.src_uri in ("index.md", "tutorial.md"):  # the only pages of their sections
        page.meta["hide"] = ["navigation"]

    def on_site(match):
        before, link, after = match.groups()
        if "://" in link:
            return match[0]
        target = _target(page.file.src_uri, link)
        target = PAGES.get(target, target.removeprefix("docs/"))
        return f"{before}{os.path.relpath(target, here or '.')}{after}"

    return LINK.sub(on_site, markdown)


def _target(page: str, link: str) -> str:
    """The file that a page's link leads to, relative to the repository."""
    source = next((source for source, known in PAGES.items() if known == page), f"docs/{page}")
    return os.path.normpath(os.path.join(os.path.dirname(source), link))


def _is_asset(target: str) -> bool:
    return not target.startswith("docs/") and target not in PAGES and (ROOT / target).is_file()
