"""How much of what must not be shown is found in excerpts that other people wrote, and how much else is hidden.

    python bench/mask_excerpts.py [--names]

`tests/support/told_excerpts.py` says what they are. A stretch counts as found when all its letters and digits are
hidden; `--names` looks for names and addresses too, which settings hide. Other characters: letters and digits outside.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.settings import Privacy
from tests.support.told_excerpts import found_in, told_excerpts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", action="store_true")
    names = parser.parse_args().names
    privacy = Privacy(mask_names=names, mask_addresses=names)
    for language in ("zh", "en"):
        for even in (False, True):
            count = found_in((each for each in told_excerpts(language) if each.is_even is even), privacy)
            kinds = ", ".join(f"{kind} {count.found[kind]}/{count.asked[kind]}" for kind in sorted(count.asked))
            print(
                f"{language}, {'even' if even else 'odd'}: {count.found.total()} of {count.asked.total()} = "
                f"{count.recall:.3f}; others hidden {count.hidden_share:.2%}; {kinds}"
            )


if __name__ == "__main__":
    main()
