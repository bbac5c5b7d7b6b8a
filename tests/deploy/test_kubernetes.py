"""collector/kubernetes: valid resources that fit together and with the collector's files, checked without a cluster."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml

from deployment import COLLECTOR, SETTING, mistakes, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FOLDER = COLLECTOR / "kubernetes"
VERSIONS = ("1.30", "1.34")  #: The oldest and the newest that we say it works on.
OPERATOR = "monitoring.coreos.com/v1"
GENERATED = {"stagelight-agent", "stagelight-gateway", "stagelight-pipeline"}
KUSTOMIZATIONS = (COLLECTOR / "kustomization.yaml", FOLDER / "kustomization.yaml")

RESOURCES: dict[str, dict[str, Any]] = {
    f"{document['kind']} {document['metadata']['name']}": document
    for name in read(FOLDER / "kustomization.yaml")["resources"]
    for document in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))
}
OURS = {name: document for name, document in RESOURCES.items() if document["apiVersion"] == OPERATOR}
WORKLOADS = {"agent": RESOURCES["DaemonSet stagelight-agent"], "gateway": RESOURCES["StatefulSet stagelight-gateway"]}


def pod(tier: str) -> dict[str, Any]:
    """What the pods of a tier are made from."""
    spec: dict[str, Any] = WORKLOADS[tier]["spec"]["template"]["spec"]
    return spec


def collector(tier: str) -> dict[str, Any]:
    """The collector's container in a tier."""
    (container,) = pod(tier)["containers"]
    return dict(container)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [name for name in RESOURCES if name not in OURS])
def test_kubernetes_knows_every_word(name: str, version: str) -> None:
    """A field that is spelled wrong is an error here, not a default there."""
    kubernetes_validate.validate(RESOURCES[name], version, strict=True)


def test_a_wrong_word_would_be_noticed() -> None:
    """The check that the above rests on does say no."""
    wrong = {**RESOURCES["Service stagelight-agent"], "spec": {"selektor": {}}}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("name", OURS)
def test_the_prometheus_operator_knows_every_word(name: str) -> None:
    """Its kinds are not Kubernetes' own; a schema beside the tests says what they may hold."""
    assert mistakes(OURS[name], "operator") == []


def test_a_wrong_word_of_the_operator_would_be_noticed() -> None:
    """A rule with neither name, and a monitor with a misspelled port."""
    rules = {**OURS["PrometheusRule stagelight"], "spec": {"groups": [{"name": "a", "rules": [{"expr": "up"}]}]}}
    monitor = {
        **OURS["ServiceMonitor stagelight-collectors"],
        "spec": {"selector": {"matchLabels": {}}, "endpoints": [{"prot": ""}]},
    }

    assert mistakes(rules, "operator")
    assert mistakes(monitor, "operator")


def test_prometheus_takes_the_rules(program: Callable[[str], str], tmp_path: Path) -> None:
    """The groups inside the resource are what promtool reads."""
    groups = tmp_path / "groups.yml"
    groups.write_text(yaml.safe_dump(OURS["PrometheusRule stagelight"]["spec"]), encoding="utf-8")
    done = subprocess.run([program("promtool"), "check", "rules", groups], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: path.parent.name)
def test_kustomize_finds_what_it_is_told(path: Path) -> None:
    """Every resource and file is there, beside or below its kustomization, and none of the folder is forgotten."""
    told = read(path)
    files = [
        file for made in told.get("configMapGenerator", ()) for file in (*made.get("files", ()), *made.get("envs", ()))
    ]

    assert mistakes(told, "kustomization") == []
    assert all((path.parent / name).exists() and ".." not in name for name in (*told["resources"], *files))
    if path.parent == FOLDER:
        assert {file.name for file in FOLDER.glob("*.yaml")} - {path.name} == set(told["resources"])


def test_kustomize_itself_builds_it() -> None:
    """Where kubectl is installed: one command makes every resource, with the names of the configuration put in."""
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("kubectl is not installed; references have been checked without it")
    done = subprocess.run([kubectl, "kustomize", COLLECTOR], check=False, capture_output=True, text=True)
    built = list(yaml.safe_load_all(done.stdout))
    maps = {document["metadata"]["name"] for document in built if document["kind"] == "ConfigMap"}
    used = set(re.findall(r"stagelight-(?:agent|gateway|pipeline)-[a-z0-9]{10}\b", done.stdout)) & maps

    assert done.returncode == 0, done.stderr
    assert len(built) == len(RESOURCES) + len(GENERATED)
    assert len(used) == len(GENERATED)
    assert {document["metadata"].get("namespace", "stagelight") for document in built} == {"stagelight"}


@pytest.mark.parametrize("tier", WORKLOADS)
def test_the_collector_reads_what_it_is_given(tier: str) -> None:
    """No variable is misspelled, and none that the base must set is missing."""
    text = (COLLECTOR / f"{tier}.yaml").read_text(encoding="utf-8")
    given = {variable["name"] for variable in collector(tier)["env"]}
    shared = {
        match["name"] for line in (FOLDER / "pipeline.env").read_text().splitlines() if (match := SETTING.match(line))
    }
    listening = {name for name in re.findall(r"\$\{env:(\w+):-(?:127\.0\.0\.1)", text) if "ENDPOINT" not in name}

    assert all(f"${{env:{name}" in text for name in given)
    assert listening <= given
    everywhere = text + (COLLECTOR / "agent.yaml").read_text() + (COLLECTOR / "gateway.yaml").read_text()
    assert all(f"${{env:{name}" in everywhere for name in shared)


def test_every_variable_is_explained() -> None:
    """What people must set stands in one file, each with a comment in its paragraph."""
    for paragraph in (FOLDER / "pipeline.env").read_text(encoding="utf-8").split("\n\n"):
        assert paragraph.startswith("# ")


@pytest.mark.parametrize("tier", WORKLOADS)
def test_what_the_collector_opens_is_mounted(tier: str) -> None:
    """Certificates, token, queue and configuration are where the collector's file looks for them."""
    text = (COLLECTOR / f"{tier}.yaml").read_text(encoding="utf-8")
    folders = {path.rpartition("/")[0] for path in re.findall(r":-(/etc/stagelight/\S+?)\}", text)} | {
        "/var/lib/otelcol/queue"
    }
    mounts = {mount["mountPath"]: mount["name"] for mount in collector(tier)["volumeMounts"]}
    claims = {claim["metadata"]["name"] for claim in WORKLOADS[tier]["spec"].get("volumeClaimTemplates", ())}

    assert folders <= set(mounts)
    assert set(mounts.values()) == {volume["name"] for volume in pod(tier)["volumes"]} | claims
    assert collector(tier)["args"] == [f"--config=/etc/otelcol/{tier}.yaml"]


@pytest.mark.parametrize("tier", WORKLOADS)
def test_references_meet(tier: str) -> None:
    """Ports, selectors and secrets of a tier's resources name each other."""
    service, workload = RESOURCES[f"Service stagelight-{tier}"], WORKLOADS[tier]
    labels = workload["spec"]["template"]["metadata"]["labels"]
    ports = {port["name"] for port in collector(tier)["ports"]}
    config = {v["configMap"]["name"] for v in pod(tier)["volumes"] if "configMap" in v}
    explained = (FOLDER / "kustomization.yaml").read_text(encoding="utf-8")
    secrets = {v["secret"]["secretName"] for v in pod(tier)["volumes"] if "secret" in v}
    secrets |= {
        v["valueFrom"]["secretKeyRef"]["name"]
        for v in collector(tier)["env"]
        if "secretKeyRef" in v.get("valueFrom", ())
    }

    assert service["spec"]["selector"].items() <= labels.items()
    assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    assert {
        collector(tier)[probe]["httpGet"]["port"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")
    } <= ports
    assert config | {source["configMapRef"]["name"] for source in collector(tier)["envFrom"]} <= GENERATED
    assert all(f"#   {secret} " in explained for secret in secrets)


def test_agents_find_each_gateway() -> None:
    """The balancer shares traces out among addresses: the service must be headless, of the name that agents look up."""
    service, gateways = RESOURCES["Service stagelight-gateway"], WORKLOADS["gateway"]["spec"]
    looked_up = re.search(r"^STAGELIGHT_GATEWAY_HOST=(\S+)$", (FOLDER / "pipeline.env").read_text(), re.MULTILINE)

    assert service["spec"]["clusterIP"] == "None"
    assert gateways["serviceName"] == service["metadata"]["name"]
    assert gateways["replicas"] >= 2
    assert looked_up
    assert looked_up[1] == f"{service['metadata']['name']}.{read(COLLECTOR / 'kustomization.yaml')['namespace']}.svc"


def test_collectors_are_scraped_under_the_rules_job() -> None:
    """The operator finds the services, and gives their metrics the job that prometheus.yml gives them."""
    monitor = OURS["ServiceMonitor stagelight-collectors"]["spec"]
    jobs = {job["job_name"] for job in read(COLLECTOR / "prometheus" / "prometheus.yml")["scrape_configs"]}

    for tier in WORKLOADS:
        service = RESOURCES[f"Service stagelight-{tier}"]
        labels = service["metadata"]["labels"]
        assert monitor["selector"]["matchLabels"].items() <= labels.items()
        assert labels[monitor["jobLabel"]] in jobs
        assert {endpoint["port"] for endpoint in monitor["endpoints"]} <= {
            port["name"] for port in service["spec"]["ports"]
        }


@pytest.mark.parametrize("tier", WORKLOADS)
def test_collectors_may_do_little(tier: str) -> None:
    """No root, no capability, no writable root, no token of the cluster; memory has a limit, which the limiter goes by."""
    container = collector(tier)
    identity = {**pod(tier)["securityContext"], **container["securityContext"]}

    assert identity["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod(tier)["automountServiceAccountToken"] is False
    assert container["resources"]["limits"]["memory"]


def test_a_gateway_gets_the_time_that_its_traces_need() -> None:
    """It is asked to end and decides first about what it holds."""
    wait = re.search(r"^STAGELIGHT_SAMPLE_WAIT=(\d+)s$", (FOLDER / "pipeline.env").read_text(), re.MULTILINE)

    assert wait
    assert pod("gateway")["terminationGracePeriodSeconds"] > int(wait[1])
