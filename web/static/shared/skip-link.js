// Skip link: moves the focus to the content, and keeps the address, whose fragment may name the open job.

document.getElementById("skip-link").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
