"""Settings of the networks that are trained alone, `framework: single`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.settings.base import MOST_BLOCKS, Fraction, Pool, Strict, Width

Kernel = Annotated[int, Field(gt=0, le=64)]


class WelsSettings(Strict):
    """WELS-Net, a clip tagger without recurrence (Kumar and Ithapu, 2020, Table 1)."""

    channels: Annotated[list[Width], Field(min_length=1, max_length=MOST_BLOCKS)]  # per block
    pools: Annotated[list[tuple[Pool, Pool]], Field(max_length=MOST_BLOCKS)]  # frames, mels
    pool: Literal["max", "average"] = "max"
    # L1: frames and mels that it covers, without padding; L2, L3 and later: 1 x 1
    segment: tuple[Kernel, Kernel] = (3, 2)
    heads: Annotated[list[Width], Field(min_length=1, max_length=MOST_BLOCKS)]
    # L4, per segment. sigmoid: a convolution, then the sigmoid; batch_norm: with batch
    # normalisation between them; printed: batch normalisation and ReLU instead of a sigmoid, as in
    # Table 1, with posteriors limited to [0, 1] (it does not train)
    last: Literal["sigmoid", "batch_norm", "printed"] = "sigmoid"
    # P, over segments: mean of posteriors, mean of logits, or largest posterior
    pooling: Literal["mean", "mean_logits", "max"] = "mean"

    @model_validator(mode="after")
    def _one_entry_per_block(self) -> "WelsSettings":
        if len(self.channels) != len(self.pools):
            raise ValueError("channels and pools must have the same length, one entry per block")
        return self


class FrameCrnnSettings(Strict):
    """CRNNs that keep every frame (Koutini et al., 2018, Tables 2 and 3)."""

    channels: Annotated[list[Width], Field(min_length=1, max_length=MOST_BLOCKS)]  # per block
    pools: Annotated[list[Pool], Field(max_length=MOST_BLOCKS)]  # mels, per block
    layers: Annotated[int, Field(gt=0, le=8)]  # convolutions per block
    kernel: Annotated[int, Field(gt=0, le=7)]
    # Of even kernels. alternate: zeros after the map in odd layers and before it in even ones, so
    # that every pair of layers is centred; grow: zeros on all sides, so that the map grows, as
    # printed; frames beyond those of the input are removed on both sides at the end
    pad: Literal["alternate", "grow"] = "alternate"
    bias: bool = False  # of these convolutions
    dropout: Fraction = 0.0  # after each pooling
    # Running statistics of batch normalisation. initial: from 0 and 1 on; debiased: without the
    # share of these first values, as in Keras 2.1
    statistics: Literal["initial", "debiased"] = "initial"
    # > 0: a 1 x 1 convolution with bias and ReLU after the blocks, then pooling over mels
    projection: Annotated[int, Field(ge=0, le=4096)] = 0
    projection_pool: Pool = 1
    # sru: simple recurrent units as of July 2018 (version 1); sru_v2: gates that see the state;
    # gru_hard: gates by a piecewise linear sigmoid, reset before the recurrent product (Keras 2.1)
    cell: Literal["sru", "sru_v2", "gru", "gru_hard"] = "sru"
    hidden: Width  # per direction
    # Of gru_hard: one mask per clip, direction and gate, which is the same in all frames
    input_dropout: Fraction = 0.0

    @model_validator(mode="after")
    def _one_entry_per_block(self) -> "FrameCrnnSettings":
        if len(self.channels) != len(self.pools):
            raise ValueError("channels and pools must have the same length, one entry per block")
        if self.input_dropout and self.cell != "gru_hard":
            raise ValueError("input_dropout requires cell: gru_hard")
        return self
