"""Control of training jobs (pause, resume, finish) and their record of losses and samples."""
