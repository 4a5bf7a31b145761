// The link's token is behind `#`, which browsers send to nobody: it is taken out of the address at once, and posted.

const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  history.replaceState(null, "", location.pathname);
  document.querySelector("#token").value = token;
  document.querySelector("form").submit();
}
