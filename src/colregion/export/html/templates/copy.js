
for (const button of document.querySelectorAll(".copy")) {
  const label = button.firstChild;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.text);
      label.data = "Copied";
    } catch {
      label.data = "The browser does not allow it";
    }
    setTimeout(() => { label.data = "Copy"; }, 2000);
  });
}
