#!/bin/sh
# Learns a policy with `poser train` and runs it. CALLS expert calls (3000: what the shipped policy was given), into OUT.
set -eu
CALLS=${CALLS:-3000}
OUT=${OUT:-runs/own-policy}
TASKS=${TASKS:-48}         # held-out tasks of a measurement

mkdir -p "$OUT"
# what each expert is good at, kind of command by kind of command; measured once
[ -f "$OUT/measured.json" ] || poser probe --out "$OUT/measured.json"
poser train --skill-scores "$OUT/measured.json" --steps "$CALLS" --n-eval-tasks "$TASKS" \
    --set cache="$OUT/cache" --out "$OUT/policy"
code=0
poser run "A white poster with a big red star in the center. Make the star green." \
    --policy "dqn:$OUT/policy" --out "$OUT/run" || code=$?
[ "$code" -eq 0 ] || [ "$code" -eq 3 ]    # 3: a picture that does not satisfy everything
