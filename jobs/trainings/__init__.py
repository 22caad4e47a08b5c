"""Control of training jobs (pause, resume, finish), and records of losses, samples, checkpoints."""
