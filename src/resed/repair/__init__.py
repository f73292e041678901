"""Repair strong labels by rules, in a copy.

The rules are applied in this order to the events of one clip and class:

1. `duplicate`: all equal rows but the first are removed.
2. `past_end`: an offset past the end of the clip is set to the end, which is the length of the clip
   in the manifest of the audit, or else the dataset's clip_seconds. `outside`: an event that begins
   after the end is removed.
3. `overlap`: overlapping events are merged, from the first onset to the last offset.
4. `gap`: events less than 150 ms apart are merged, as the annotation rules of DESED require.

A clip keeps at least one row. Rows that repairs.tsv does not list are copied byte for byte,
including line ends, additional columns and decimals. Repairing a repaired file changes nothing.
"""

from resed.repair.dataset_repair import clip_ends, repair_dataset, repair_file
