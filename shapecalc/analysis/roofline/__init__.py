"""What binds on a device: operations against bytes, layer by layer, and bounds of a network's time."""
