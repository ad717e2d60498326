"""The built-in networks, one module per family; a new module here is noticed by itself.

A factory takes what it needs to know of the data: of images the number of classes and the shape (channels, height,
width), of a text the size of its vocabulary and how many tokens of context a window shows. Its further arguments are
options of the config. Networks for images take any number of channels, and all end in raw scores (logits), one per
class or token.
`width` multiplies the paper's numbers of filters and hidden units. Beside its name a network says as `least_side` below
how many pixels its poolings would leave nothing of an image, and as `any_size` that its weights have the same shapes
whatever the size of the images, which a global average pooling sees to. torch is imported when a network is built, not
before: checking a config needs only the signatures.
"""
