# Snakemake runs this, from the folder where it was started, in an environment that it has made from
# environment.yml (--sdm conda): the pins are there, resed itself is not yet.
set -e
python -m pip install --no-deps --editable .
