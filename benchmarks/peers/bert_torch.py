"""Steps of BERT's pre-training in PyTorch with transformers: its own model, compiled, the masked places gathered."""

import torch
from bert_common import BATCH, DECAY, DROPOUT, HALF, PLACES, RATE, SEGMENTS, SIZES, STEPS, Clock, data
from torch import nn
from torch._dynamo.utils import counters
from transformers import BertConfig, BertForPreTraining

torch.set_float32_matmul_precision('high')  # in TF32, as JAX does of itself
device = 'cuda' if torch.cuda.is_available() else 'cpu'
ids, segments, places, tokens, follows = (torch.from_numpy(each).long().to(device) for each in data())
config = BertConfig(
    vocab_size=SIZES['vocabulary'], num_hidden_layers=SIZES['layers'], num_attention_heads=SIZES['heads'],
    hidden_size=SIZES['width'], intermediate_size=SIZES['hidden'], max_position_embeddings=PLACES,
    type_vocab_size=SEGMENTS, hidden_dropout_prob=DROPOUT, attention_probs_dropout_prob=DROPOUT,
)  # fmt: skip
config._attn_implementation = 'sdpa'
model = BertForPreTraining(config).to(device)
model.train()
fused = {'fused': True} if device == 'cuda' else {}
optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY, **fused)
loss_of = nn.CrossEntropyLoss()


def step_loss(ids, segments, places, tokens, follows):
    with torch.autocast(device, torch.bfloat16, enabled=HALF):
        told = model.bert(ids, token_type_ids=segments)
        wide = places[..., None].expand(-1, -1, SIZES['width'])
        scores = model.cls.predictions(told.last_hidden_state.gather(1, wide))
        order = model.cls.seq_relationship(told.pooler_output)
    return loss_of(scores.float().flatten(0, 1), tokens.flatten()) + loss_of(order.float(), follows)


compiled = torch.compile(step_loss)


def epoch():
    total = torch.zeros((), device=device)
    for batch in torch.randperm(BATCH * STEPS, device=device).split(BATCH):
        optimizer.zero_grad(set_to_none=True)
        loss = compiled(ids[batch], segments[batch], places[batch], tokens[batch], follows[batch])
        loss.backward()
        optimizer.step()
        total += loss.detach()
    return float(total) / STEPS


epoch()
clock = Clock(lambda: counters['stats']['unique_graphs'], device)
clock.report(epoch())
