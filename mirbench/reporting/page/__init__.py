"""What report.html is made of: the answer in words, the numbers behind its charts, sounds, how the run was made, and the template with its
style and script, which stand beside this file.

In: Results, and what lies in their run folders. Out: values for the template, all of them data that is escaped or JSON.
"""
