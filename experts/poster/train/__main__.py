from experts.poster.train.loop import fit
import sys
from experts.poster.train.vae import Vae
import torch
torch.set_num_threads(2)
fit(Vae())
