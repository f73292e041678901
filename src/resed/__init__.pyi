from resed.detect.model import Detection as Detection
from resed.detect.model import Model as Model
from resed.detect.model import load_model as load_model

__version__: str
