# resed in a container: docker build --tag resed .
# Only apt-get and pip install anything; the versions of Python packages are those of constraints.txt.
FROM docker.io/library/debian:bookworm-slim

# Python 3.11, what compiles sed_scores_eval, and what the workflow calls.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates g++ git python3.11-dev python3.11-venv

# Debian does not allow pip to install beside its own packages.
ENV VIRTUAL_ENV=/opt/resed PATH=/opt/resed/bin:$PATH PIP_CONSTRAINT=constraints.txt
WORKDIR /resed
COPY . .

# The CPU build of PyTorch; for the build with CUDA: docker build --build-arg PIP_EXTRA_INDEX_URL= .
ARG PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
RUN python3.11 -m venv /opt/resed
RUN pip install --no-cache-dir --editable '.[share]'

CMD ["python", "-m", "snakemake_logger_plugin_resed.stages", "--cores", "all", "--configfile", "config/demo.yaml"]
