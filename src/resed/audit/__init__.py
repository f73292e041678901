"""Audit a dataset: which clips are usable, and what is wrong with clips and annotations.

Every clip that the annotations list has a row in manifest.tsv; the SHA-256 of that file identifies
the data in all later results. Findings are reported by kind and split with their effect and cure
(audit.json, index.html), and one by one (findings.tsv).
"""

from resed.audit.clip_audit import ClipAudit, ClipToAudit, audit_clip
from resed.audit.dataset_audit import audit_dataset
