#!/usr/bin/env python3
"""What a custodian has decided, as a stranger's reader of the keyring sees it, from docs/vault-format.md alone.

    policy.py KEYRING-FOLDER PASSPHRASE-FILE
"""

import json
import sys

from reader import keyring_keys, passphrase_in


def policy(decided):
    """How long what is kept, how long pseudonyms stay comparable, how much may leave a day."""

    def term(value):
        kind, (number,) = value
        return f"{number} {['day', 'year', 'month'][kind]}{'' if number == 1 else 's'}"

    limits = None
    if egress := decided.get(4):
        limits = {
            "records_per_day": egress[0],
            "purposes": [[purpose[0], purpose[1]] for purpose in egress[1]],
            "listed_per_day": 10 * egress[0] if egress.get(2) is None else egress[2],
        }
    return {
        "classes": [[each[0], term(each[1]), term(each[2]), term(each[3])] for each in decided[0]],
        "default_class": decided[1],
        "epoch": ["day", "week", "month", "never"][decided.get(2, 3)],
        "dual_control": decided.get(3) or False,
        "egress": limits,
        "details_kept": term(decided[5]) if decided.get(5) else "1 year",
        "effort": "fast" if decided.get(6) is None else ["fast", "normal", "thorough"][decided[6]],
        "unknown": sorted(set(decided) - set(range(7))),
    }


if __name__ == "__main__":
    _, _, decided = keyring_keys(sys.argv[1], passphrase_in(sys.argv[2]), None)
    print(json.dumps(policy(decided)))
