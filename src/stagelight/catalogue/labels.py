"""Labels that several metrics share, each with its bound. A request id is never a label."""

from stagelight.catalogue.rows import Label

TENANT = Label("tenant", bound=100, default="default")
WORKSPACE = Label("workspace", bound=100, default="default")
#: Of metrics whose labels others have fixed: they have these two besides, but for the tenant and workspace of everybody.
OWNER = (Label("tenant", bound=100, unsaid="default"), Label("workspace", bound=100, unsaid="default"))
STAGE = Label("stage", bound=500)
MODEL_VERSION = Label("model_version", bound=100)
ERROR_TYPE = Label("error_type", bound=100)
OUTCOME = Label("outcome", bound=4, values=("ok", "error", "cancelled", "abandoned"), default="ok")
ROOM = Label("room", bound=50)
METRIC = Label("metric", bound=1000)
LABEL = Label("label", bound=100)
MODEL = Label("model", bound=50)
FEATURE = Label("feature", bound=200)
METHOD = Label("method", bound=7, values=("psi", "kl", "js", "ks", "wasserstein", "chi2", "mean_shift"))
DRIFT_SEVERITY = Label("severity", bound=4, values=("low", "medium", "high", "critical"))
WINDOW = Label("window", bound=10)
ROUTER = Label("router", bound=50, default="default")
ARM = Label("arm", bound=100)
FIGURE = Label("figure", bound=2, values=("accuracy", "calibration"))
