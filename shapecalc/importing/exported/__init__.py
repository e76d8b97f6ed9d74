"""Programs that torch.export has saved, read as data: nothing of them is unpickled or run."""
