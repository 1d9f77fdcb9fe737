"""What other teams hold in their hands, made from the definitions: golden messages, the AsyncAPI
document, and what a channel's programs are tried with. Pure.
"""
