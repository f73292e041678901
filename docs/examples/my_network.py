from torch import nn


class MyNet(nn.Module):
    """Convolutions over mels and frames, and attention over frames."""

    def __init__(self, mels, frames, classes, channels=32):
        super().__init__()
        self.norm = nn.BatchNorm1d(mels)
        self.layers = nn.Sequential(
            nn.Conv1d(mels, channels, 5, padding=2), nn.BatchNorm1d(channels), nn.ReLU(),
            nn.Conv1d(channels, channels, 5, padding=2), nn.BatchNorm1d(channels), nn.ReLU(),
        )  # fmt: skip
        self.events = nn.Conv1d(channels, classes, 1)
        self.attention = nn.Conv1d(channels, classes, 1)

    def forward(self, mels):
        hidden = self.layers(self.norm(mels.mT))
        frame_logits = self.events(hidden).mT
        weights = self.attention(hidden).mT.softmax(dim=1)
        return (weights * frame_logits).sum(dim=1), frame_logits
