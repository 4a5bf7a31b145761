"""A real Kubernetes node for the sandbox: images, containerd, kubelet, DNS, relay, client devices. Linux, root."""
