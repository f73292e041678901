"""Training: model, objective, schedule and batches are separate pieces; `loop` joins them."""
