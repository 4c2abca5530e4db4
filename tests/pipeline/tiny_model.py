"""A Phi-3 small enough to train, merge and convert in a second: random weights, a real tokenizer."""

from __future__ import annotations

from pathlib import Path

SPECIAL_TOKENS = ["<unk>", "<s>", "</s>", "<|endoftext|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"]

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)

PHRASES = [
    {"phrase": phrase, "tone": tone}
    for tone, phrases in {
        "sad": [
            "The chair by the window has been empty since March.",
            "I kept your last message and I cannot open it.",
            "We sold the house I grew up in today.",
            "Nobody came, so I blew out the candles alone.",
            "The old dog did not get up to greet me.",
            "It rained on the day we said goodbye.",
        ],
        "joy": [
            "We danced in the kitchen until the neighbours laughed.",
            "She said yes and the whole restaurant cheered.",
            "The baby giggled at her own feet all morning.",
            "I got the job, come over and celebrate!",
            "Sunlight, fresh bread and nowhere to be today.",
            "My brother is home for the summer at last.",
        ],
        "fear": [
            "Something scratched at the door and then it stopped.",
            "Do not turn around, he is still behind us.",
            "The plane dropped and everyone grabbed a seat.",
            "I heard steps upstairs, and I live alone.",
            "My hands shake whenever the phone rings at night.",
            "The ice cracked under me far from the shore.",
        ],
        "surprise": [
            "Wait, you two have known each other all along?",
            "I opened the box and there was a live owl in it.",
            "The quiet man turned out to own the whole street.",
            "Since when do you speak perfect Finnish?",
            "They called my number, I never win anything!",
            "The wall slid aside and behind it was a library.",
        ],
    }.items()
    for phrase in phrases
]
"""Rows of `phrase` and `tone`, six a tone: data for tests that train."""


def build_tiny_model(
    folder: Path, *, hidden: int = 64, layers: int = 2, heads: int = 4, kv_heads: int = 2, seed: int = 0
) -> Path:
    """Save a random Phi3ForCausalLM and its tokenizer in `folder`, and return the folder.

    The same arguments give the same weights. `hidden` counts features (a multiple of 32 and of 16 times `heads`, or
    ONNX Runtime has no kernels for it); `kv_heads` divides `heads`.
    """
    import torch
    from transformers import Phi3Config, Phi3ForCausalLM

    tokenizer = _tokenizer()
    config = Phi3Config(
        vocab_size=(len(tokenizer) + 31) // 32 * 32,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=512,
        original_max_position_embeddings=512,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        sliding_window=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Phi3ForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer():  # type: ignore[no-untyped-def]
    """A byte-level BPE tokenizer learnt from PHRASES, with Phi-3's chat tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator((f"{row['phrase']}\n{row['tone']}" for row in PHRASES), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=SPECIAL_TOKENS[4:],
        chat_template=CHAT_TEMPLATE,
        model_max_length=512,
    )
