"""One PyTorch peer, on one thread: reads a JSON request per line on stdin, answers with one per line on stdout.

Started by torch.mjs: `python torch_peer.py sdpa` or `... flex`. Tensors travel in files of raw numbers.
"""
import ctypes
import json
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
import torch

torch.set_num_threads(1)

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def read(path, dtype, shape):
    with open(path, "rb") as file:
        return torch.frombuffer(bytearray(file.read()), dtype=DTYPES[dtype]).reshape(shape)


def causal(b, h, q, kv):
    return q >= kv


def functions(variant, parameters):
    """(score_mod, mask_mod) of a variant, with the parameters that ours has."""
    slopes = torch.tensor(parameters["slopes"])
    width, cap = parameters["width"], parameters["cap"]
    return {
        "noop": (None, None),
        "causal": (None, causal),
        "alibi": (lambda s, b, h, q, kv: s + slopes[h] * (kv - q), causal),
        "sliding-window": (None, lambda b, h, q, kv: (q >= kv) & (q - kv < width)),
        "soft-cap": (lambda s, b, h, q, kv: cap * torch.tanh(s / cap), None),
    }[variant]


def sdpa(query, key, value, problem):
    is_causal = problem["variant"] == "causal"
    return lambda: torch.nn.functional.scaled_dot_product_attention(
        query, key, value, is_causal=is_causal
    )


def flex(query, key, value, problem):
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    score, mask = functions(problem["variant"], problem["parameters"])
    torch._dynamo.reset()  # Past eight variants it would fall back to unfused code.
    compiled = torch.compile(flex_attention, dynamic=False)
    length = query.shape[2]
    block = mask and create_block_mask(mask, None, None, length, length, device="cpu")
    return lambda: compiled(query, key, value, score_mod=score, block_mask=block)


WAYS = {"sdpa": sdpa, "flex": flex}


class Peer:
    def __init__(self, way):
        self.way = WAYS[way]
        self.compute = None
        self.out = None

    def open(self, _):
        return {"version": torch.__version__}

    def prepare(self, problem):
        shape = [problem[axis] for axis in "BHSD"]
        tensors = [read(path, problem["dtype"], shape) for path in problem["files"]]
        self.compute = self.way(*tensors, problem)
        begin = time.perf_counter()
        self.out = self.compute()
        return {"firstMs": (time.perf_counter() - begin) * 1e3}

    def run(self, _):
        cpu, begin = time.process_time(), time.perf_counter()
        self.out = self.compute()
        ms = (time.perf_counter() - begin) * 1e3
        return {"ms": ms, "cpuMs": (time.process_time() - cpu) * 1e3}

    def output(self, request):
        raw = self.out.contiguous().view(torch.uint8).reshape(-1)
        with open(request["file"], "wb") as file:
            file.write(ctypes.string_at(raw.data_ptr(), raw.numel()))
        return None

    def release(self, _):
        self.compute = self.out = None


def main():
    peer = Peer(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What libraries print is no answer.
    with torch.no_grad():
        for line in sys.stdin:
            request = json.loads(line)
            try:
                answer = {"result": getattr(peer, request["request"])(request.get("body"))}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"[:400]}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


main()
