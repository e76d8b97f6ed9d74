"""What people do today: build NiN in torch and print torchinfo's summary."""

from torch import nn
from torchinfo import summary


def block(inputs: int, outputs: int, kernel_size: int, stride: int, padding: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size, stride, padding),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 1),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 1),
        nn.ReLU(),
    )


network = nn.Sequential(
    block(1, 96, 11, 4, 0),
    nn.MaxPool2d(3, 2),
    block(96, 256, 5, 1, 2),
    nn.MaxPool2d(3, 2),
    block(256, 384, 3, 1, 1),
    nn.MaxPool2d(3, 2),
    nn.Dropout(0.5),
    block(384, 10, 3, 1, 1),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
)
summary(network, input_size=(1, 1, 224, 224))
