"""A Kubernetes API of its own on loopback: etcd, kube-apiserver and the few objects that the corpus speaks of.

There is no controller, no scheduler and no kubelet: objects are written as they would have become, and a
stand-in for the kubelet serves logs. Usage (`metrics.k8s.io`) is a type of its own with a value each. What
reaches the server is in its audit log.
"""

import base64
import http.server
import json
import re
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

from forge import free_port
from model import Server, wait_until

TOKEN = "token-of-the-administrator"
NOW = "2026-11-23T06:00:00Z"
NAMESPACES = "media immich monitoring documents delete external-secrets argocd longhorn-system ingress-nginx vault-secrets-operator tolkien"
PODS = {
    "media": "sonarr-7c9d8f6b5-h4n2v sonarr-0 volsync-src-sonarr-config-9wq7d",
    "immich": "immich-server-6d5f9c7b8-x2k4p immich-db-1",
    "external-secrets": "external-secrets-webhook-5c7d9-kq8zt",
    "ingress-nginx": "ingress-nginx-controller-abc",
    "vault-secrets-operator": "vault-secrets-operator-abc",
    "delete": "pod-0",
}
CONTAINERS = {"immich-db-1": "postgres"}
# Types that others define: group, version, plural, kind, and an object in a namespace.
TYPES = [
    ("cert-manager.io", "v1", "certificates", "Certificate", "media", "sonarr-tls"),
    ("postgresql.cnpg.io", "v1", "clusters", "Cluster", "immich", "immich-db"),
    ("volsync.backube", "v1alpha1", "replicationsources", "ReplicationSource", "media", "sonarr-config"),
    ("longhorn.io", "v1beta2", "volumes", "Volume", "longhorn-system", "pvc-1"),
    ("external-secrets.io", "v1", "externalsecrets", "ExternalSecret", "media", "sonarr-api"),
    ("secrets.hashicorp.com", "v1beta1", "vaultstaticsecrets", "VaultStaticSecret", "media", "sonarr"),
    ("metrics.k8s.io", "v1beta1", "pods", "PodMetrics", "media", "sonarr-0"),
    ("metrics.k8s.io", "v1beta1", "nodes", "NodeMetrics", None, "sam"),
]
USAGE = {"cpu": "120m", "memory": "256Mi"}


class Cluster:
    """The servers, in a folder."""

    def __init__(self, folder, bin):
        self.folder, self.bin, self.started = folder, bin, []
        self.port, self.kubelet = free_port(), Kubelet(folder)
        client, peer = free_port(), free_port()
        for name in ("tls", "sa"):
            certificate(folder, name)
        (folder / "tokens.csv").write_text(f'{TOKEN},admin,1,"system:masters"\n')
        policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata", "omitStages": ["RequestReceived"]}]}
        (folder / "audit.yaml").write_text(json.dumps(policy))
        url = f"http://127.0.0.1:{client}"
        other = f"http://127.0.0.1:{peer}"
        self.start(
            [bin / "etcd", "--data-dir=etcd", f"--listen-client-urls={url}", f"--advertise-client-urls={url}"]
            + [f"--listen-peer-urls={other}", f"--initial-advertise-peer-urls={other}", f"--initial-cluster=default={other}"]
        )
        self.start(
            [bin / "kube-apiserver", f"--etcd-servers={url}", f"--secure-port={self.port}", "--bind-address=127.0.0.1"]
            + ["--tls-cert-file=tls.crt", "--tls-private-key-file=tls.key", "--cert-dir=certs", "--token-auth-file=tokens.csv"]
            + ["--authorization-mode=RBAC", "--service-account-issuer=https://127.0.0.1", "--service-account-key-file=sa.crt"]
            + ["--service-account-signing-key-file=sa.key", "--service-cluster-ip-range=10.96.0.0/16"]
            + ["--audit-policy-file=audit.yaml", "--audit-log-path=audit.log"]
        )
        if not wait_until(lambda: self.ask("GET", "/readyz", quiet=True) == "ok", 180):
            raise RuntimeError((folder / "kube-apiserver.log").read_text()[-2000:])
        try:
            self.fill()
        except BaseException:
            self.close()
            raise

    def start(self, words, environment=None):
        """Starts a server."""
        with open(self.folder / f"{words[0].name}.log", "w") as log:
            self.started.append(subprocess.Popen(words, env=environment, cwd=self.folder, stdout=log, stderr=log))

    def kubectl(self, *words, given=None):
        """Runs kubectl."""
        environment = {"KUBECONFIG": str(self.kubeconfig()), "HOME": str(self.folder)}
        given = json.dumps(given) if given else None
        done = subprocess.run([self.bin / "kubectl", *words], env=environment, input=given, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)

    def close(self):
        """Ends the servers."""
        for process in reversed(self.started):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.kubelet.close()

    def ask(self, method, path, body=None, quiet=False):
        """One request of the administrator."""
        kind = "application/strategic-merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": kind, "user-agent": "filling"}
        content = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", content, headers, method=method)
        try:
            with urllib.request.urlopen(request, context=ssl._create_unverified_context(), timeout=30) as answer:
                text = answer.read().decode()
                return json.loads(text) if text.startswith("{") else text
        except urllib.error.HTTPError as error:
            if quiet:
                return None
            raise RuntimeError(f"{method} {path}: {error.read().decode()[:500]}") from error
        except OSError:
            return None

    def put(self, api, plural, kind, name, namespace=None, status=None, **fields):
        """Makes an object, with its status."""
        base = f"/api/{api}" if "/" not in api else f"/apis/{api}"
        folder = f"{base}/namespaces/{namespace}/{plural}" if namespace else f"{base}/{plural}"
        labels = fields.pop("labels", {})
        body = {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": labels, "annotations": fields.pop("annotations", {})}}
        self.ask("POST", folder, body | fields)
        if status:
            self.ask("PATCH", f"{folder}/{name}/status", {"status": status})

    def fill(self):
        """Makes the objects."""
        for name in NAMESPACES.split():
            self.put("v1", "namespaces", "Namespace", name)
            if name in PODS:
                self.put("v1", "serviceaccounts", "ServiceAccount", "default", name)
        endpoints = {"kubeletEndpoint": {"Port": self.kubelet.port}}
        ready = [{"type": "Ready", "status": "True"}]
        self.put("v1", "nodes", "Node", "sam", status={"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}], "daemonEndpoints": endpoints, "conditions": ready, "capacity": {"cpu": "4", "memory": "8Gi"}, "allocatable": {"cpu": "4", "memory": "8Gi"}})
        for namespace, names in PODS.items():
            for name in names.split():
                self.pod(namespace, name)
        for namespace, name, app in (("immich", "immich-server", "immich"), ("media", "sonarr", "sonarr")):
            self.deployment(namespace, name, app)
        self.put("v1", "services", "Service", "sonarr", "media", spec={"ports": [{"port": 80}], "selector": {"app": "sonarr"}})
        backend = {"service": {"name": "sonarr", "port": {"number": 80}}}
        self.put("networking.k8s.io/v1", "ingresses", "Ingress", "sonarr", "media", spec={"defaultBackend": backend})
        self.put("v1", "configmaps", "ConfigMap", "argocd-cm", "argocd", data={"url": "https://argocd.example"})
        self.put("v1", "secrets", "Secret", "sonarr", "media", stringData={"password": "value-of-a-secret"})
        about = {"kind": "Pod", "namespace": "media", "name": "sonarr-0"}
        self.put("v1", "events", "Event", "sonarr-0.1", "media", involvedObject=about, reason="BackOff", message="Back-off", type="Warning", lastTimestamp=NOW)
        for group, version, plural, kind, namespace, name in TYPES:
            self.define(group, version, plural, kind, namespace is not None)
        for group, version, plural, kind, namespace, name in TYPES:
            fields = {"timestamp": NOW, "window": "15s", "usage": USAGE, "containers": [{"name": "main", "usage": USAGE}]}
            fields = fields if "metrics" in group else {"spec": {}}
            api = f"{group}/{version}"
            wait_until(lambda: self.ask("GET", f"/apis/{api}/{plural}", quiet=True))
            self.put(api, plural, kind, name, namespace, **fields)

    def pod(self, namespace, name):
        """Makes a pod that runs."""
        app = re.sub(r"(-[0-9a-z]*\d[0-9a-z]*)+$|-abc$|-controller-abc$", "", name).replace("immich-server", "immich")
        container = CONTAINERS.get(name, "main")
        spec = {"nodeName": "sam", "containers": [{"name": container, "image": "example/image:1"}]}
        state = {"name": container, "ready": True, "restartCount": 1, "image": "example/image:1", "imageID": "", "state": {"running": {"startedAt": NOW}}, "lastState": {"terminated": {"exitCode": 1, "finishedAt": NOW, "containerID": "containerd://1"}}, "containerID": "containerd://2"}
        status = {"phase": "Running", "startTime": NOW, "containerStatuses": [state], "conditions": [{"type": "Ready", "status": "True"}]}
        self.put("v1", "pods", "Pod", name, namespace, status, labels={"app": app, "app.kubernetes.io/name": app}, spec=spec)

    def deployment(self, namespace, name, app):
        """Makes a deployment with its one revision."""
        labels = {"app": app, "app.kubernetes.io/name": app}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "example/image:1"}]}}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
        self.put("apps/v1", "deployments", "Deployment", name, namespace, status, labels=labels, spec=spec)
        owner = self.ask("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")["metadata"]
        owners = [{"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": owner["uid"], "controller": True}]
        body = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": spec}
        body["metadata"] = {"name": f"{name}-1", "labels": labels, "ownerReferences": owners, "annotations": {"deployment.kubernetes.io/revision": "1"}}
        self.ask("POST", f"/apis/apps/v1/namespaces/{namespace}/replicasets", body)

    def define(self, group, version, plural, kind, namespaced):
        """Makes a type."""
        schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
        versions = [{"name": version, "served": True, "storage": True, "schema": schema}]
        singular = f"{kind.lower()}"
        names = {"plural": plural, "singular": singular, "kind": kind, "listKind": f"{kind}List"}
        spec = {"group": group, "scope": "Namespaced" if namespaced else "Cluster", "names": names, "versions": versions}
        approved = {"api-approved.kubernetes.io": "unapproved, a stand-in"} if group.endswith("k8s.io") else {}
        self.put("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", f"{plural}.{group}", annotations=approved, spec=spec)

    def kubeconfig(self):
        """Writes how to reach it; answers where."""
        path = self.folder / "kubeconfig"
        authority = base64.b64encode((self.folder / "tls.crt").read_bytes()).decode()
        server = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority-data": authority}
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "here"}
        config |= {"clusters": [{"name": "here", "cluster": server}], "users": [{"name": "here", "user": {"token": TOKEN}}]}
        config["contexts"] = [{"name": "here", "context": {"cluster": "here", "user": "here"}}]
        path.write_text(json.dumps(config))
        return path

    def requests(self):
        """What was asked by others than this file and the server itself: verb and resource, of kubectl."""
        time.sleep(0.2)
        events = [json.loads(line) for line in (self.folder / "audit.log").read_text().splitlines()]
        asked = [event for event in events if event.get("userAgent", "").startswith("kubectl")]
        return [(event["verb"], event.get("objectRef", {}).get("resource", event["requestURI"])) for event in asked]


class Kubelet:
    """Serves logs, whatever the container."""

    def __init__(self, folder):
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                pod = self.path.split("?")[0].split("/")[3]
                content = f"{NOW} a line of {pod}\n".encode()
                self.send_response(200)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        certificate(folder, "kubelet")
        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "kubelet.crt", folder / "kubelet.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """Ends the server."""
        self.server.shutdown()
        self.server.server_close()


def certificate(folder, name):
    """Makes a key and a certificate for loopback."""
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{name}.key", "-out", f"{name}.crt"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)


class ArgoCD(Cluster):
    """The server of Argo CD on such a cluster, with two applications. No controller has ever looked at them."""

    NAMESPACE = "argocd"

    def fill(self):
        """Makes its types, settings and objects, and starts it."""
        here = ["-n", self.NAMESPACE]
        self.kubectl("create", "namespace", self.NAMESPACE)
        for name in ("application", "applicationset", "appproject"):
            self.kubectl("create", "-f", str(self.bin.parent / f"argocd/{name}-crd.yaml"))
        for name in ("argocd-cm", "argocd-rbac-cm"):
            self.kubectl("create", "configmap", name, *here)
        keys = ["--from-literal=server.secretkey=key-of-the-test", "--from-literal=admin.password=none"]
        keys += ["--from-file=tls.crt=" + str(self.folder / "tls.crt"), "--from-file=tls.key=" + str(self.folder / "tls.key")]
        self.kubectl("create", "secret", "generic", "argocd-secret", *here, *keys)
        for name in ("configmap/argocd-cm", "configmap/argocd-rbac-cm", "secret/argocd-secret"):
            self.kubectl("label", name, "app.kubernetes.io/part-of=argocd", *here)
        project = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}
        self.make("AppProject", "default", project)
        for name in ("immich", "vault-secrets-operator"):
            source = {"repoURL": "https://gitea.example/jpnadas/valinor", "path": f"apps/{name}", "targetRevision": "main"}
            where = {"server": "https://kubernetes.default.svc", "namespace": name}
            self.make("Application", name, {"project": "default", "source": source, "destination": where})
        self.served = free_port()
        words = ["--kubeconfig", self.kubeconfig(), *here, f"--port={self.served}", f"--metrics-port={free_port()}", "--address=127.0.0.1"]
        words += ["--disable-auth", "--redis=127.0.0.1:1", "--repo-server=127.0.0.1:1"]
        environment = {"ARGOCD_BINARY_NAME": "argocd-server", "HOME": str(self.folder), "PATH": "/usr/bin:/bin"}
        self.start([self.bin / "argocd", *words], environment)
        if not wait_until(lambda: "serving on port" in (self.folder / "argocd.log").read_text(), 60):
            raise RuntimeError((self.folder / "argocd.log").read_text()[-2000:])

    def make(self, kind, name, spec):
        """Makes an object of Argo CD."""
        about = {"name": name, "namespace": self.NAMESPACE, "labels": {"app.kubernetes.io/part-of": "media"}}
        self.kubectl("create", "-f", "-", given={"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": about, "spec": spec})

    def requests(self):
        """What was asked of Argo CD: the method, and what it was given."""
        lines = [json.loads(line) for line in (self.folder / "argocd.log").read_text().splitlines() if line.startswith("{")]
        found = [line for line in lines if line.get("msg", "").startswith("received ")]
        return [(line["msg"].split("/")[-1], json.dumps(line.get("grpc.request.content"))) for line in found]
