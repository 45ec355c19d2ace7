"""PyTorch's attention on one NVIDIA GPU in bf16, a JSON line for each case: FlexAttention, cuDNN and FlashAttention-2.

usage: python3 torch_attention.py [--shapes B,Hq,Hkv,S,D[:variant,...] ...] [--decode B,Hq,Hkv,S,D ...] [--variants noop,causal,...]

The variants, the way of timing and the count of operations are those of `vigil bench attention --device cuda`, so that
bench/cuda/join.mjs can put both in one table: bursts (0.2 s of idling, 8 launches, the median of 25) and sustained (after a
quarter of a second of launches, the median of 60), by CUDA events; 4 * D operations for each pair in the 128 x 128 blocks
that the mask leaves; cuDNN and FlashAttention-2, which are told is_causal, are counted as half.
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

BACKENDS = {"cudnn": SDPBackend.CUDNN_ATTENTION, "fa2": SDPBackend.FLASH_ATTENTION}
SHAPES = ["4,16,16,4096,128", "4,32,32,4096,64", "1,64,8,16384,128:noop,causal,alibi,soft-cap,sliding-window,document"]
DECODE = ["8,32,8,4096,128", "8,32,8,16384,128", "2,32,8,131072,128"]


def say(**row):
    print(json.dumps(row), flush=True)


def events_median(launch, count):
    pairs = []
    for _ in range(count):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        launch()
        end.record()
        pairs.append((begin, end))
    torch.cuda.synchronize()
    return statistics.median(begin.elapsed_time(end) for begin, end in pairs)


def times(launch, before=None):
    """Milliseconds: burst and sustained."""
    launch()
    torch.cuda.synchronize()
    time.sleep(0.2)
    if before is not None:
        before()
    for _ in range(8):
        launch()
    burst = events_median(launch, 25)
    for _ in range(max(1, int(250 / burst))):
        launch()
    return burst, events_median(launch, 60)


def documents(length):
    """The same cuts as Vigil's benchmark: Park and Miller's generator."""
    state, count, ids = 12345, max(2, length // 341), []
    for _ in range(length):
        state = state * 48271 % 2147483647
        ids.append(state % count)
    return torch.tensor(sorted(ids), dtype=torch.int32, device="cuda")


def variant(name, heads, length):
    """Score function and mask function, each perhaps None."""
    slopes = torch.exp2(-8.0 * torch.arange(1, heads + 1, device="cuda") / heads)
    ids = documents(length) if name == "document" else None

    def causal(b, h, q, kv):
        return q >= kv

    def window(b, h, q, kv):
        return (q >= kv) & (q - kv <= 1024)

    def same_document(b, h, q, kv):
        return (q >= kv) & (ids[q] == ids[kv])

    def prefix(b, h, q, kv):
        return (kv <= length // 4) | (q >= kv)

    def alibi(score, b, h, q, kv):
        return score + slopes[h] * (kv - q)

    def soft_cap(score, b, h, q, kv):
        return 20 * torch.tanh(score / 20)

    def relative(score, b, h, q, kv):
        return score + (q - kv)

    return {
        "noop": (None, None),
        "causal": (None, causal),
        "alibi": (alibi, causal),
        "soft-cap": (soft_cap, causal),
        "sliding-window": (None, window),
        "document": (None, same_document),
        "prefix-lm": (None, prefix),
        "relative": (relative, None),
        "alibi-dense": (alibi, None),
        "soft-cap-dense": (soft_cap, None),
    }[name]


def forward(shape, name):
    batch, heads, kv_heads, length, size = shape
    query = torch.randn(batch, heads, length, size, device="cuda", dtype=torch.bfloat16)
    key, value = (torch.randn(batch, kv_heads, length, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    grouped = heads != kv_heads
    score, mask = variant(name, heads, length)
    blocks = None if mask is None else torch.compile(create_block_mask)(mask, None, None, length, length, device="cuda")
    skipped = 0.0 if blocks is None else blocks.sparsity() / 100
    flex = torch.compile(flex_attention, dynamic=False)
    peers = {"flex": (lambda: flex(query, key, value, score_mod=score, block_mask=blocks, enable_gqa=grouped), skipped)}
    if name in ("noop", "causal"):
        for label, backend in BACKENDS.items():
            def launch(backend=backend):
                with sdpa_kernel(backend):
                    return functional.scaled_dot_product_attention(query, key, value, is_causal=name == "causal", enable_gqa=grouped)
            peers[label] = (launch, 0.5 if name == "causal" else 0.0)
    for label, (launch, share) in peers.items():
        row = {"peer": label, "variant": name, "shape": shape}
        try:
            # Past some variants torch.compile falls back to unfused code without a word.
            torch._dynamo.reset()
            start = time.time()
            launch()
            torch.cuda.synchronize()
            first = time.time() - start
            burst, sustained = times(launch)
            flops = 4 * batch * heads * length * length * size * (1 - share)
            say(**row, skippedShare=round(share, 4), firstMs=round(1000 * first, 1), burstMs=round(burst, 4), burstTflops=round(flops / burst / 1e9, 1), sustainedMs=round(sustained, 4), sustainedTflops=round(flops / sustained / 1e9, 1))
        except Exception as error:
            say(**row, error=repr(error)[:200])


def decode(shape):
    batch, heads, kv_heads, length, size = shape
    query = torch.randn(batch, heads, 1, size, device="cuda", dtype=torch.bfloat16)
    key, value = (torch.randn(batch, kv_heads, length, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    grouped = heads != kv_heads
    flex = torch.compile(flex_attention, dynamic=False)
    peers = {"flex": lambda: flex(query, key, value, enable_gqa=grouped)}
    for label, backend in BACKENDS.items():
        def launch(backend=backend):
            with sdpa_kernel(backend):
                return functional.scaled_dot_product_attention(query, key, value, enable_gqa=grouped)
        peers[label] = launch
    # Queueing a launch can take longer than the kernel: the GPU is kept busy meanwhile.
    big = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)

    def busy():
        for _ in range(12):
            big @ big

    for label, launch in peers.items():
        row = {"peer": label, "variant": "decode", "shape": shape}
        try:
            torch._dynamo.reset()
            with torch.no_grad():
                burst, sustained = times(launch, busy)
            size_bytes = 4 * batch * kv_heads * length * size
            say(**row, burstMs=round(burst, 4), terabytesPerSecond=round(size_bytes / burst / 1e9, 3), sustainedMs=round(sustained, 4))
        except Exception as error:
            say(**row, error=repr(error)[:200])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="*", default=SHAPES)
    parser.add_argument("--decode", nargs="*", default=DECODE)
    parser.add_argument("--variants", default="noop,causal,alibi,soft-cap,sliding-window,document,prefix-lm,relative")
    given = parser.parse_args()
    torch.manual_seed(0)
    say(torch=torch.__version__, cudnn=torch.backends.cudnn.version(), gpu=torch.cuda.get_device_name())
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    burst, sustained = times(lambda: a @ b)
    say(ceiling="matmul 8192", burstTflops=round(2 * 8192**3 / burst / 1e9, 1), sustainedTflops=round(2 * 8192**3 / sustained / 1e9, 1))
    numbers = lambda text: [int(part) for part in text.split(",")]
    for shape in given.decode:
        decode(numbers(shape))
    for shape in given.shapes:
        lengths, _, own = shape.partition(":")
        for name in (own or given.variants).split(","):
            forward(numbers(lengths), name)


if __name__ == "__main__":
    main()
