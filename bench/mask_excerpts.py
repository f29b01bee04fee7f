"""How much of what must not be shown is found in excerpts that other people wrote, and how much else is hidden.

    python bench/mask_excerpts.py [--names]

`tests/support/told_excerpts.py` says what they are. A stretch counts as found when all its letters and digits are
hidden; `--names` looks for names and addresses too, which settings hide. Other characters: letters and digits outside.
"""

from __future__ import annotations

import argparse
import sys
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.settings.privacy import Privacy
from tests.support.told_excerpts import SETS, found_in, told_excerpts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", action="store_true")
    names = parser.parse_args().names
    privacy = Privacy(mask_names=names, mask_addresses=names)
    for language, number, even in product(("zh", "en"), range(1, len(SETS) + 1), (False, True)):
        own = [each for each in told_excerpts(language) if each.written_in == number and each.is_even is even]
        count = found_in(own, privacy)
        kinds = ", ".join(f"{kind} {count.found[kind]}/{count.asked[kind]}" for kind in sorted(count.asked))
        print(
            f"{language} {number}, {'even' if even else 'odd'}: {count.found.total()} of {count.asked.total()} = "
            f"{count.recall:.3f}; others hidden {count.hidden_share:.2%}; {kinds}"
        )


if __name__ == "__main__":
    main()
