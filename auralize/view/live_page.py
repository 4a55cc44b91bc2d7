"""The page as it is served: with a few lines that reload it when the scene was exported again."""

from __future__ import annotations

# A page from a disk may connect to nothing; this one to where it came from.
_CLOSED = "connect-src 'none'"
_OPEN = "connect-src 'self'"

_SCRIPT = """<script>
(() => {
  const events = new EventSource("events?VERSION");
  events.addEventListener("changed", () => location.reload());
  events.addEventListener("problem", (event) => {
    document.getElementById("notice-text").textContent = JSON.parse(event.data);
    document.getElementById("notice").hidden = false;
  });
})();
</script>
"""


def live_page(page: str, version: int) -> str:
    """Return a page that listens to `events` of the server it came from.

    Args:
        page: What the exporter wrote.
        version: Of the scene that it shows; it listens for others.

    Raises:
        ValueError: It is no page of `auralize export --to web`.
    """
    before, end, after = page.rpartition("</body>")
    if not end or page.count(_CLOSED) < 1:
        raise ValueError("this is no page of a scene.")
    # The policy stands in the head, before anything that a scene brings along.
    script = _SCRIPT.replace("VERSION", str(version))
    return before.replace(_CLOSED, _OPEN, 1) + script + end + after
