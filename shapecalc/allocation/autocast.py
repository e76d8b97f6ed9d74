"""What torch.autocast casts on a GPU: the operations of its lists, by their names in torch.

An operation on no list runs in the dtype of what it is given. Source: torch's ATen/autocast_mode.h and
autocast_mode.cpp, registered under the dispatch key AutocastCUDA.
"""

from __future__ import annotations

LOWER = "float16"
"""The dtype that products are lowered to."""

LOWERED = frozenset({
    "_convolution", "_scaled_dot_product_flash_attention", "_thnn_fused_gru_cell",
    "_thnn_fused_lstm_cell", "addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "chain_matmul",
    "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "convolution", "cudnn_convolution", "cudnn_convolution_transpose", "einsum",
    "gru_cell", "linalg_multi_dot", "linalg_vecdot", "linear", "lstm_cell", "matmul", "mm", "mv",
    "prelu", "rnn_relu_cell", "rnn_tanh_cell", "scaled_dot_product_attention",
})  # fmt: skip
"""Those whose floating-point arguments are made float16."""

RAISED = frozenset({
    "_upsample_bicubic2d_aa", "_upsample_bilinear2d_aa", "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d", "_upsample_nearest_exact3d", "acos", "asin",
    "binary_cross_entropy_with_logits", "cdist", "cosh", "cosine_embedding_loss", "cosine_similarity",
    "dist", "erfinv", "exp", "expm1", "frobenius_norm", "group_norm", "hinge_embedding_loss",
    "huber_loss", "kl_div", "l1_loss", "layer_norm", "log", "log10", "log1p", "log2", "logsumexp",
    "margin_ranking_loss", "mse_loss", "multi_margin_loss", "multilabel_margin_loss",
    "native_layer_norm", "nll_loss", "nll_loss2d", "nuclear_norm", "pdist", "poisson_nll_loss", "pow",
    "reciprocal", "renorm", "rms_norm", "rsqrt", "sinh", "smooth_l1_loss", "soft_margin_loss",
    "softplus", "tan", "triplet_margin_loss", "upsample_bicubic2d", "upsample_bilinear2d",
    "upsample_linear1d", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d",
    "upsample_trilinear3d",
})  # fmt: skip
"""Those whose floating-point arguments are made float32."""

GIVING_FLOAT32 = frozenset({
    "cumprod", "cumsum", "linalg_matrix_norm", "linalg_vector_norm", "log_softmax", "norm", "prod",
    "softmax", "sum",
})  # fmt: skip
"""Operations whose output is float32, and whose inputs are not cast."""

WIDEST = frozenset({
    "addcdiv", "addcmul", "atan2", "bilinear", "cross", "dot", "grid_sampler", "index_put",
    "scatter_add", "tensordot", "vdot",
})  # fmt: skip
"""Those whose floating-point arguments are made the widest dtype among them."""

REFUSED = frozenset({"binary_cross_entropy"})
"""Those that torch does not run under autocast."""
